"""Invalid models and requests: a good driver refuses them all, a careless one is found out."""

from collections import Counter

import numpy as np
import pytest

from hal.types import OperandType as T
from hal.types import OperationType as O
from hal.validation import validate_model
from tests.tools.conformance.conftest import served
from tools.conformance.case import Subject
from tools.conformance.generated.graphs import graph_case
from tools.conformance.generated.operations import operation_case, subjects
from tools.conformance.invalid.base import Base, breaks_a_rule, canonical
from tools.conformance.invalid.control_flow import control_flow_mutations
from tools.conformance.invalid.models import model_mutations
from tools.conformance.invalid.signatures import signature_mutations
from tools.conformance.invalid.trials import CallTrial, ModelTrial, RequestTrial, invalid_trials
from tools.conformance.trial import Verdict
from tools.conformance.workers import run_trials

CONV = Subject(O.CONV_2D, T.TENSOR_QUANT8_ASYMM)


@pytest.fixture(scope="module")
def trials():
    return list(invalid_trials(0))


@pytest.fixture(scope="module")
def careless(tmp_path_factory):
    with served(tmp_path_factory.mktemp("careless") / "c.sock", "tests.tools.conformance.careless_driver") as device:
        yield device


def base(subject, seed=0):
    return Base(subject, operation_case(subject, seed, all_known=True))


def failures(outcomes):
    return [f"{each.trial.name}: {each.reason}" for each in outcomes if each.verdict is not Verdict.PASSED]


def test_there_are_enough_of_each_kind(trials):
    kinds = Counter(type(trial) for trial in trials)
    assert kinds[ModelTrial] >= 2000
    assert kinds[RequestTrial] >= 200
    assert kinds[CallTrial] >= 20
    assert len({trial.name for trial in trials}) == len(trials)
    for subject in subjects():
        broken = [trial for trial in trials if trial.subject == subject and isinstance(trial, ModelTrial)]
        assert len(broken) >= 20, subject


def test_every_rule_of_a_signature_is_broken():
    names = [mutation.name for mutation in signature_mutations(base(CONV), np.random.default_rng(0))]
    for position in range(3):  # input, filter, bias
        for rule in ("of type", "of rank", "left out", "of another scale", "larger in dimension"):
            if (position, rule) not in ((0, "of another scale"), (1, "of another scale")):
                assert any(name.startswith(f"input {position} {rule}") for name in names), (position, rule)
    assert {"inputs, none", "inputs, ten more", "outputs, none", "outputs, one more"} <= set(names)
    assert any("of value" in name for name in names)


def test_rules_of_every_model_are_broken():
    names = " ".join(mutation.name for seed in range(4) for mutation in model_mutations(base(CONV, seed)))
    for rule in (
        "no operations", "listed twice", "written twice", "in a circle", "operand 4294967295", "lifetime 99",
        "zero point 256", "scale nan", "by channel", "one byte short", "region '../../etc/passwd'", "of type 0x10001",
        "unknown dimension", "larger than 32 bits", "extension called ''",
    ):  # fmt: skip
        assert rule in names, rule


@pytest.mark.parametrize("seed", [0, 1])
def test_mutations_of_the_model_are_refused_by_validation(seed):
    """Those of memory aside, which is looked at before."""
    for subject in subjects()[::7]:
        valid = base(subject, seed)
        validate_model(canonical(valid.message))
        mutations = [*signature_mutations(valid, np.random.default_rng(seed)), *model_mutations(valid)]
        for mutation in mutations:
            assert breaks_a_rule(valid.mutated(mutation.change)), f"{subject}: {mutation.name}"


@pytest.mark.parametrize("kind", ["IF", "WHILE", "graph/nested"])
def test_mutations_of_control_flow_are_refused_by_validation(kind):
    valid = Base(CONV, graph_case(kind, 0))
    mutations = list(control_flow_mutations(valid))
    assert len(mutations) > 10
    for mutation in mutations:
        assert breaks_a_rule(valid.mutated(mutation.change)), mutation.name


def test_the_base_is_left_as_it_is():
    valid = base(CONV)
    before = valid.message.SerializeToString()
    for mutation in model_mutations(valid):
        valid.mutated(mutation.change)
    assert valid.message.SerializeToString() == before


def test_a_good_driver_passes_a_sample(driver, trials):
    sample = [trial for trial in trials if trial.subject in (CONV, Subject(O.WHILE, T.MODEL))]
    sample += [trial for trial in trials if not isinstance(trial, ModelTrial)]
    assert failures(run_trials(driver, sample)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_good_driver_passes_all(driver, seed):
    assert failures(run_trials(driver, list(invalid_trials(seed)))) == []


def test_a_careless_driver_fails(careless, trials):
    fatal = ("no operations", "no main subgraph", "no operands", "no inputs")
    chosen = [
        trial
        for trial in trials
        if trial.subject == CONV
        and isinstance(trial, (ModelTrial, RequestTrial))
        and not any(words in trial.name for words in fatal)
    ]
    outcomes = run_trials(careless, chosen)
    assert {each.verdict for each in outcomes} == {Verdict.FAILED}
    assert any("PrepareModel was accepted; it must be refused with BAD_DATA" in each.reason for each in outcomes)


def test_the_wrong_code_is_a_failure(careless):
    valid = base(CONV)
    (mutation,) = [each for each in model_mutations(valid) if each.name == "no inputs"]
    (result,) = run_trials(careless, [ModelTrial("no inputs", CONV, valid, mutation)])
    assert "GetSupportedOperations was refused with OP_FAILED (something went wrong); it must be BAD_DATA" in (
        result.reason
    )


def test_a_death_is_a_failure(tmp_path):
    valid = base(CONV)
    (mutation,) = [each for each in model_mutations(valid) if each.name == "no operations"]
    with served(tmp_path / "c.sock", "tests.tools.conformance.careless_driver") as device:
        (result,) = run_trials(device, [ModelTrial("no operations", CONV, valid, mutation)])
    assert (result.verdict, result.died) == (Verdict.FAILED, True)
