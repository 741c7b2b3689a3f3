"""Cases that nnhal generates: there are enough, they are valid and always the same, and they find faults."""

from collections import Counter

import numpy as np
import pytest

from hal import reference
from hal.operations import DECLARATIONS
from hal.types import OperationType
from hal.validation import validate_model
from tests.tools.conformance.reference_driver import ReferenceDevice
from tests.tools.conformance.test_running import WrongDevice
from tools.conformance.case import Accuracy, fault
from tools.conformance.generated import graphs, operations
from tools.conformance.modes import Mode
from tools.conformance.trial import Verdict
from tools.conformance.workers import run_trials


def operation_cases(seeds):
    return [operations.operation_case(subject, seed) for subject in operations.subjects() for seed in seeds]


def graph_cases(seeds):
    return [trial.make() for trial in graphs.graph_trials(seeds, [Mode.COMPUTE])]


def check(case):
    """The case is valid, has an answer, and the answer tells something."""
    validate_model(case.model)
    results = reference.run(case.model, case.inputs)
    assert all(np.isfinite(result).all() for result in results if result.dtype.kind == "f"), case.name
    return results


def test_every_declared_operation_and_type_is_generated():
    trials = [*operations.operation_trials(range(20), [Mode.COMPUTE]), *graphs.graph_trials(range(20), [Mode.COMPUTE])]
    counts = Counter(trial.subject for trial in trials)
    for declaration in DECLARATIONS.values():
        for data_type in declaration.types:
            subject = operations.Subject(OperationType(declaration.type), data_type)
            assert counts[subject] == 20, subject
    assert counts[None] >= 50  # models of several operations
    assert len({trial.name for trial in trials}) == len(trials)


def test_operation_cases_are_valid():
    for case in operation_cases([0, 1]):
        check(case)


def test_graph_cases_are_valid_and_of_several_operations():
    cases = graph_cases(range(3))
    for case in cases:
        check(case)
    used = set().union(*(case.operation_types for case in cases))
    assert {OperationType.IF, OperationType.WHILE, OperationType.CONV_2D, OperationType.SPLIT} <= used
    assert any(len(case.model.main.operations) > 8 for case in cases)


@pytest.mark.slow
def test_many_cases_are_valid():
    for case in (*operation_cases(range(2, 60)), *graph_cases(range(3, 60))):
        check(case)


def test_a_seed_always_makes_the_same_case():
    for seed in (0, 7):
        for one, other in zip(operation_cases([seed]), operation_cases([seed])):
            assert one.model == other.model, one.name
            assert all(np.array_equal(a, b) for a, b in zip(one.inputs, other.inputs) if a is not None)
        assert [case.model for case in graph_cases([seed])] == [case.model for case in graph_cases([seed])]
    for one, other in zip(operation_cases([0]), operation_cases([1])):
        same_inputs = [np.array_equal(a, b) for a, b in zip(one.inputs, other.inputs)]
        assert one.model != other.model or not all(same_inputs), one.name


def test_the_reference_itself_passes():
    trials = [*operations.operation_trials([3], [Mode.COMPUTE]), *graphs.graph_trials([3], [Mode.COMPUTE])]
    outcomes = run_trials(ReferenceDevice(), trials)
    assert [each.trial.name for each in outcomes if each.verdict is not Verdict.PASSED] == []


def slightly_off(output):
    """What is nearly right: floats by a thousandth, integers by two."""
    if output.dtype.kind == "f":
        return (output * 1.001 + 1e-3).astype(output.dtype)
    if output.dtype.kind == "b":
        return ~output
    limits = np.iinfo(output.dtype)
    return np.where(output > limits.min + 2, output - 2, output + 2).astype(output.dtype)


def is_exact_enough(trial):
    """Not drawn at random, and not in float16, where a thousandth is the last bit."""
    case = trial.make()
    halves = any("FLOAT16" in operand.type.name for operand in case.model.main.operands)
    return not (halves or case.model.relaxed or case.multinomial_tolerance)


def test_results_that_are_slightly_off_fail():
    trials = [trial for trial in operations.operation_trials([0], [Mode.COMPUTE]) if is_exact_enough(trial)]
    outcomes = run_trials(WrongDevice(slightly_off), trials)
    assert len(trials) > 200
    assert [each.trial.name for each in outcomes if each.verdict is not Verdict.FAILED] == []


@pytest.mark.parametrize("wrong", [lambda output: output[..., :1], lambda output: output[None]])
def test_wrong_dimensions_fail(wrong):
    def reshaped(output):
        return wrong(output) if output.ndim and output.shape[-1] > 1 else output[None]

    trials = [trial for trial in operations.operation_trials([0], [Mode.COMPUTE]) if trial.make().inputs]
    outcomes = run_trials(WrongDevice(reshaped), trials)
    assert [each.trial.name for each in outcomes if each.verdict is not Verdict.FAILED] == []


def test_quantised_graphs_allow_what_off_by_one_on_the_way_makes_and_not_more():
    cases = [case for case in graph_cases(range(10)) if "QUANT8" in case.name]
    assert max(case.accuracy.steps for case in cases) <= 20
    for case in cases:
        expected = reference.run(case.model, case.inputs)
        known = operations.Case(case.name, case.model, case.inputs, tuple(expected), accuracy=case.accuracy)
        moved = [np.roll(result, 1) for result in expected]
        if any(np.abs(a.astype(int) - b).max() > case.accuracy.steps for a, b in zip(moved, expected)):
            assert fault(known, moved) is not None


def test_what_is_computed_has_a_tolerance_and_what_is_moved_has_none():
    for case in operation_cases([0]):
        declaration = DECLARATIONS[case.model.main.operations[0].type]
        assert case.accuracy == Accuracy(0, 0) or not declaration.stored or "LSTM" in case.name
