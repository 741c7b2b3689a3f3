"""Trials on drivers that are right, wrong, dead, and silent."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from hal.device import Support
from hal.errors import DeadObjectError, OpFailedError
from hal.types import OperandType as T
from hal.types import OperationType as O
from hal.types import PreferenceCode
from tests.support import Input, single
from tests.tools.conformance.reference_driver import ReferenceDevice, ReferencePreparedModel
from tools.conformance.case import Case, Subject
from tools.conformance.generated.operations import operation_case
from tools.conformance.modes import Mode
from tools.conformance.running import planned
from tools.conformance.trial import Outcome, Trial, Verdict
from tools.conformance.workers import run_trials


class WrongDevice(ReferenceDevice):
    """Spoils each output with ``spoil``; knows the operations that ``known`` says."""

    def __init__(self, spoil=lambda output: output, known=lambda operation: True):
        self._spoil, self._known = spoil, known

    def supported_operations(self, model, preference=PreferenceCode.FAST_SINGLE_ANSWER):
        return [
            Support("" if self._known(operation.type) else "it is not known") for operation in model.main.operations
        ]

    def prepared(self, model):
        spoil = self._spoil

        class WrongPreparedModel(ReferencePreparedModel):
            def outputs(self, values):
                return [spoil(output) for output in super().outputs(values)]

        return WrongPreparedModel(model)


def add(**changes):
    """A recorded case: [1, 2] + 3 = [4, 5]."""
    model, inputs = single(O.ADD, np.array([1, 2]).view(Input), np.array([3.0]), 0)
    case = Case("add", model, tuple(each.astype(np.float32) for each in inputs), (np.array([4, 5], np.float32),))
    return replace(case, **changes)


def outcome(device, case, mode=Mode.COMPUTE):
    (result,) = run_trials(device, planned("here", [case], [mode]))
    return result


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.SIGNED])
def test_right_and_wrong_in_every_mode(mode):
    assert outcome(ReferenceDevice(), add(), mode).verdict is Verdict.PASSED
    wrong = outcome(WrongDevice(lambda output: output * np.float32(1.01)), add(), mode)
    assert wrong.verdict is Verdict.FAILED
    assert wrong.reason.startswith("output 0: 2 of 2 values differ, first at [0]: 4.03")
    assert [each.expected for each in wrong.differences] == ["4.0", "5.0"]


def test_expected_results_are_the_references_where_a_case_has_none():
    assert outcome(ReferenceDevice(), add(expected=None)).verdict is Verdict.PASSED
    assert outcome(WrongDevice(lambda output: output + 1), add(expected=None)).verdict is Verdict.FAILED


def test_a_case_that_must_fail():
    wrong = add(model=replace(add().model, main=replace(add().model.main, outputs=())), must_fail=True)
    assert outcome(ReferenceDevice(), wrong).verdict is Verdict.PASSED
    accepted = outcome(ReferenceDevice(), add(must_fail=True))
    assert (accepted.verdict, accepted.reason) == (Verdict.FAILED, "it must fail and did not")


def test_skipped_only_where_the_device_does_not_support_an_operation():
    assert outcome(WrongDevice(known=lambda operation: operation != O.ADD), add()).verdict is Verdict.SKIPPED
    assert outcome(WrongDevice(known=lambda operation: operation == O.ADD), add()).verdict is Verdict.PASSED


def test_signed_turns_quant8_and_applies_to_nothing_else():
    case = operation_case(Subject(O.RELU, T.TENSOR_QUANT8_ASYMM), 0)
    (trial,) = planned("here", [case], [Mode.SIGNED])
    assert trial.subject == Subject(O.RELU, T.TENSOR_QUANT8_ASYMM_SIGNED)
    assert run_trials(ReferenceDevice(), [trial])[0].verdict is Verdict.PASSED
    assert planned("here", [add()], [Mode.SIGNED]) == []


class Scripted(Trial):
    """Does what it is told to."""

    source, mode, subject = "script", "script", None

    def __init__(self, name, act=lambda trial: Outcome(trial, Verdict.PASSED)):
        self.name, self.act = name, act

    def run(self, device):
        return self.act(self)


def test_outcomes_are_in_order_and_each_is_told_once():
    def late(trial):
        time.sleep(0.2)
        return Outcome(trial, Verdict.PASSED)

    trials = [Scripted("late", late), *(Scripted(str(number)) for number in range(50))]
    told = []
    outcomes = run_trials(ReferenceDevice(), trials, told.append)
    assert [each.trial for each in outcomes] == trials
    assert sorted(each.trial.name for each in told) == sorted(trial.name for trial in trials)
    assert outcomes[0].seconds >= 0.2


def test_only_who_kills_the_driver_alone_is_blamed():
    alone = threading.Lock()

    def bystander(trial):
        if alone.acquire(blocking=False):
            try:
                time.sleep(0.05)
                return Outcome(trial, Verdict.PASSED)
            finally:
                alone.release()
        return Outcome(trial, Verdict.FAILED, "died", died=True)

    def killer(trial):
        return Outcome(trial, Verdict.FAILED, "died", died=True)

    trials = [Scripted(f"bystander {number}", bystander) for number in range(6)]
    outcomes = run_trials(ReferenceDevice(), [*trials, Scripted("killer", killer)])
    assert [each.trial.name for each in outcomes if each.verdict is Verdict.FAILED] == ["killer"]


def test_a_death_that_nobody_causes_alone_is_not_forgotten():
    deaths = iter([True])

    def unlucky(trial):
        if next(deaths, False):
            return Outcome(trial, Verdict.FAILED, "died", died=True)
        return Outcome(trial, Verdict.PASSED)

    (result,) = run_trials(ReferenceDevice(), [Scripted("unlucky", unlucky)])
    assert (result.verdict, result.reason) == (Verdict.FAILED, "died")


def test_a_dead_driver_is_recognised():
    class DyingDevice(ReferenceDevice):
        def supported_operations(self, model, preference=PreferenceCode.FAST_SINGLE_ANSWER):
            raise DeadObjectError("it has died")

    result = outcome(DyingDevice(), add())
    assert (result.verdict, result.reason, result.died) == (Verdict.FAILED, "it has died", True)


def test_a_silent_device_fails_what_it_hangs_in_and_is_given_up_in_the_end():
    forever = threading.Event()

    def hang(trial):
        forever.wait(30)
        return Outcome(trial, Verdict.PASSED)

    trials = [Scripted(f"hangs {number}", hang) for number in range(20)]
    start = time.monotonic()
    reasons = [each.reason for each in run_trials(ReferenceDevice(), trials, patience=0.3)]
    forever.set()
    assert time.monotonic() - start < 10
    assert set(reasons) == {"no answer within 0.3 s", "not tried: the device does not answer"}


def test_one_hang_stops_nobody_else():
    forever = threading.Event()

    def hang(trial):
        forever.wait(30)
        return Outcome(trial, Verdict.PASSED)

    trials = [Scripted("hangs", hang), *(Scripted(str(number)) for number in range(20))]
    outcomes = run_trials(ReferenceDevice(), trials, patience=0.3)
    forever.set()
    assert [each.trial.name for each in outcomes if each.verdict is Verdict.FAILED] == ["hangs"]


def test_what_a_trial_raises_is_raised():
    def fail(trial):
        raise OpFailedError("nonsense")

    with pytest.raises(OpFailedError, match="nonsense"):
        run_trials(ReferenceDevice(), [Scripted("wrong", fail)])
