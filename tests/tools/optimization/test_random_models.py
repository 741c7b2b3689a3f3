"""Whatever the model: optimised, it computes the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal import reference
from tests.tools.optimization.random_models import DATA_TYPES, random_model
from tools.conformance.generated.graphs import graph_case
from tools.graph import Edit
from tools.optimization.optimizer import PASSES, optimized

EXACT = [name for name, each in PASSES.items() if each.exact]


def check(model, inputs, passes):
    """Optimise, and compare to the bit but for the sign of zeros."""
    better, report = optimized(model, passes)
    for before, after in zip(reference.run(model, inputs), reference.run(better, inputs)):
        np.testing.assert_array_equal(after, before)
    for kind in ("inputs", "outputs"):
        before, after = ([each.main.operands[index] for index in getattr(each.main, kind)] for each in (model, better))
        assert after == before
    assert optimized(better, passes)[0] == better, "nothing is left to improve"
    return report


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), data_type=st.sampled_from(DATA_TYPES))
def test_a_pass_by_itself(name, seed, data_type):
    check(*random_model(seed, data_type), [name])


@given(seed=st.integers(0, 2**32), data_type=st.sampled_from(DATA_TYPES))
def test_all_exact_passes_together(seed, data_type):
    check(*random_model(seed, data_type), EXACT)


@given(kind=st.sampled_from(["IF", "WHILE", "graph/nested"]), seed=st.integers(0, 2**32))
def test_control_flow(kind, seed):
    case = graph_case(kind, seed)
    check(case.model, case.inputs, EXACT)


def test_random_models_have_something_to_improve():
    """For each pass. Or the tests above would show nothing."""
    models = [random_model(seed, data_type)[0] for data_type in DATA_TYPES for seed in range(25)]
    for name, each in PASSES.items():
        changed = [any(each.apply(graph) for graph in Edit(model).graphs) for model in models]
        assert sum(changed) >= 8, name
