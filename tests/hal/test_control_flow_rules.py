from dataclasses import replace

import pytest

from hal.errors import BadDataError
from hal.model import Lifetime, Model
from hal.validation import validate_model
from tests.control_flow import added, below, boolean, choice, doubled, loop, real, repeated


def test_sound_models_pass():
    for model in (choice(), loop(), loop(body=repeated(), dimensions=(0,))):
        validate_model(model)


def without_last_input(subgraph):
    return replace(subgraph, inputs=subgraph.inputs[:-1])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (choice(then=added(1.0, (3,))), "its then_model's inputs and its own after the models differ at 0"),
        (
            choice(otherwise=doubled()),
            "its else_model's inputs are 2; they must be as many as its own after the models",
        ),
        (loop(body=added(1.0)), "its body_model's inputs are 1"),
        (Model(loop().main, (added(1.0), doubled())), "its condition_model's inputs are 1"),
        (Model(loop().main, (doubled(), doubled())), "there must be one, TENSOR_BOOL8"),
    ],
)
def test_subgraphs_that_do_not_fit_are_refused(model, sentence):
    with pytest.raises(BadDataError, match=sentence) as raised:
        validate_model(model)
    assert raised.value.operation == 0


def test_a_condition_of_more_than_one_value_is_refused():
    wide = below(3.0)
    operands = (*wide.operands[:-1], boolean(Lifetime.SUBGRAPH_OUTPUT, (2,)))
    inner = replace(wide, operands=(operands[0], real(Lifetime.SUBGRAPH_INPUT), *operands[2:]))
    with pytest.raises(BadDataError):
        validate_model(Model(loop().main, (inner, doubled())))
