import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.errors import BadDataError
from hal.model import Lifetime, Operand, PerChannelQuantization
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError, evaluate
from hal.types import OperandType, OperationType

ZEROS = np.zeros((1, 4, 4, 2), np.float32)
FILTER = np.zeros((3, 2, 2, 2), np.float32)
BIAS = np.zeros(3, np.float32)
IMPLICIT = (ZEROS, FILTER, BIAS, 1, 1, 1, 0)
EXPLICIT = (ZEROS, FILTER, BIAS, 0, 0, 0, 0, 1, 1, 0)


def test_counts_and_types_tell_the_forms_apart(infer):
    assert infer(OperationType.CONV_2D, *IMPLICIT) == (1, 4, 4, 3)
    assert infer(OperationType.CONV_2D, *EXPLICIT) == (1, 3, 3, 3)
    # Both of these have ten inputs.
    assert infer(OperationType.CONV_2D, *IMPLICIT, False, 2, 2) == (1, 4, 4, 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (IMPLICIT[:6], "it has 6 inputs; it must have 7, 8, 10, 11 or 13"),
        ((*IMPLICIT, False, 2), "it has 9 inputs; it must have 7, 8, 10, 11 or 13"),
        ((*IMPLICIT, 0), "input 7 ('nchw') is INT32; it must be BOOL"),
        ((*IMPLICIT[:6], 4), "input 6 ('activation') is 4; it must be 0 (NONE), 1 (RELU), 2 (RELU1) or 3 (RELU6)"),
        ((*IMPLICIT[:3], 0, *IMPLICIT[4:]), "input 3 ('padding') is 0; it must be 1 (SAME) or 2 (VALID)"),
        ((*IMPLICIT[:4], 0, 1, 0), "input 4 ('stride_width') is 0; it must be at least 1"),
        ((ZEROS[0], *IMPLICIT[1:]), "input 0 ('input') has rank 3 [4, 4, 2]; it must have rank 4"),
        (
            (ZEROS, FILTER, np.zeros(3, np.int32), *IMPLICIT[3:]),
            "input 2 ('bias') is TENSOR_INT32; it must be TENSOR_FLOAT32",
        ),
        (
            (ZEROS.astype(np.int32), *IMPLICIT[1:]),
            "input 0 is TENSOR_INT32; it must be TENSOR_FLOAT16, TENSOR_FLOAT32, TENSOR_QUANT8_ASYMM or "
            "TENSOR_QUANT8_ASYMM_SIGNED",
        ),
        (
            (ZEROS, FILTER, Operand(OperandType.TENSOR_FLOAT32, (3,), lifetime=Lifetime.NO_VALUE), *IMPLICIT[3:]),
            "input 2 ('bias') has no value; it can't be left out",
        ),
        ((), "it has 0 inputs; it must have 7, 8, 10, 11 or 13"),
    ],
)
def test_inputs_that_follow_no_form_are_refused(infer, arguments, sentence):
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.CONV_2D, *arguments)
    assert str(refused.value) == sentence


def test_an_extension_type_is_named(infer):
    with pytest.raises(BadDataError, match="input 0 is extension type 0x50001; it must be TENSOR_"):
        infer(OperationType.RELU, Operand(0x50001, (2,)))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((Operand(OperandType.TENSOR_FLOAT32, (1, 0, 4, 2)), *IMPLICIT[1:]), "input"),
        ((Operand(OperandType.TENSOR_FLOAT32), *IMPLICIT[1:]), "input"),
        ((*IMPLICIT[:4], Operand(OperandType.INT32), *IMPLICIT[5:]), "stride_width"),
    ],
)
def test_what_only_an_execution_knows_is_said_to_be_unknown(infer, arguments, name):
    with pytest.raises(UnknownValueError, match=f"^{name}$"):
        infer(OperationType.CONV_2D, *arguments)


def test_values_known_at_execution_stand_in_for_what_the_model_leaves_open():
    declaration = DECLARATIONS[OperationType.RELU]
    value = np.array([[-1, 2]], np.float32)
    operand = Operand(OperandType.TENSOR_FLOAT32)
    (result,) = evaluate(declaration, [operand], [value], [operand])
    assert result.tolist() == [[0, 2]]
    with pytest.raises(BadDataError, match="has rank 5"):
        evaluate(declaration, [operand], [value[None, None, None]], [operand])


def test_outputs_of_the_wrong_count_or_type_are_refused():
    declaration = DECLARATIONS[OperationType.RELU]
    with pytest.raises(BadDataError, match="it has 0 outputs; it must have 1"):
        declaration.check_outputs([], OperandType.TENSOR_FLOAT32)
    with pytest.raises(BadDataError, match=r"output 0 \('output'\) is TENSOR_INT32; it must be TENSOR_FLOAT32"):
        declaration.check_outputs([Operand(OperandType.TENSOR_INT32, (1,))], OperandType.TENSOR_FLOAT32)


def test_an_output_too_large_to_count_is_refused(infer):
    with pytest.raises(BadDataError, match=r"its output would have dimensions \[1, 65536, 65536, 2\]"):
        infer(OperationType.RESIZE_BILINEAR, ZEROS, 65536, 65536)


# Tame arguments often fit each other, so that inference is seen to accept; wild ones are whatever NNAPI can hold.
SIZES = {
    "tame": st.sampled_from([1, 1, 2]),
    "wild": st.sampled_from([0, 1, 2, 3, 2**31 - 1]),
}
INTEGERS = {
    "tame": st.sampled_from([0, 1, 1, 2, -1]),
    "wild": st.one_of(st.integers(-(2**31), 2**31 - 1), st.sampled_from([-(2**31), 2**30, 2**31 - 1])),
}
FLOATS = {
    16: {"tame": st.floats(0.5, 4, width=16), "wild": st.floats(width=16)},
    32: {"tame": st.floats(0.5, 4, width=32), "wild": st.floats(width=32)},
}
SCALE = 0.5


def scalar(operand_type, mood):
    if operand_type is OperandType.BOOL:
        return st.booleans()
    if operand_type is OperandType.UINT32:
        return st.integers(0, 2**32 - 1)
    if operand_type is OperandType.INT32:
        return INTEGERS[mood]
    return FLOATS[8 * operand_type.dtype.itemsize][mood]


@st.composite
def operands(draw, parameter, data_type, mood):
    """One that ``parameter`` accepts by its type; whether it fits otherwise is left to chance."""
    operand_type = draw(st.sampled_from(sorted(parameter.accepts(data_type))))
    known = mood == "tame" or draw(st.booleans())
    if operand_type is OperandType.MODEL:
        return Operand(operand_type, lifetime=Lifetime.SUBGRAPH, subgraph=draw(st.integers(0, 3)))
    if not operand_type.is_tensor:
        numbers = scalar(operand_type, mood)
        if mood == "tame" and parameter.minimum == 1:
            numbers = st.sampled_from([1, 1, 2])
        if parameter.choices is not None:
            numbers = st.sampled_from(list(parameter.choices))
        return Operand(operand_type, value=np.array(draw(numbers), operand_type.dtype) if known else None)
    ranks = st.sampled_from(sorted(parameter.ranks)) if parameter.ranks else st.integers(1, 5)
    dimensions = tuple(draw(SIZES[mood]) for _ in range(draw(ranks)))
    count = math.prod(dimensions)
    value = None
    if known and 0 < count < 1000:
        if operand_type is OperandType.TENSOR_INT32:
            value = np.array(draw(st.lists(INTEGERS[mood], min_size=count, max_size=count)), np.int32)
        else:
            value = np.arange(count).astype(operand_type.dtype)
        value = value.reshape(dimensions)
    per_channel = None
    if operand_type is OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL and value is not None:
        per_channel = PerChannelQuantization(0, (SCALE,) * min(dimensions[0], 3))  # wild sizes are never computed
    scale = SCALE if operand_type.has_scale else 0
    return Operand(operand_type, dimensions, scale, value=value, per_channel=per_channel)


@st.composite
def calls(draw, declaration):
    """Inputs of one form, and outputs that fit the data type."""
    mood = draw(st.sampled_from(["tame", "wild"]))
    data_type = draw(st.sampled_from(sorted(declaration.types)))
    form = draw(st.sampled_from(declaration.forms))
    parameters = [
        parameter
        for parameter in form
        for _ in range(draw(st.integers(parameter.least, parameter.least + 2)) if parameter.repeated else 1)
    ]
    required = sum(parameter.required for parameter in parameters)
    count = draw(st.integers(required, len(parameters)))
    inputs = [draw(operands(parameter, data_type, mood)) for parameter in parameters[:count]]
    types = [draw(st.sampled_from(sorted(parameter.accepts(data_type)))) for parameter in declaration.outputs]
    return inputs, [Operand(each, scale=SCALE if each.has_scale else 0) for each in types]


@pytest.mark.parametrize("operation_type", DECLARATIONS, ids=lambda operation_type: operation_type.name)
@settings(deadline=None)  # a busy machine is no failure
@given(data=st.data())
def test_whatever_the_arguments_dimensions_are_inferred_or_refused(operation_type, data):
    declaration = DECLARATIONS[operation_type]
    inputs, outputs = data.draw(calls(declaration))
    try:
        inferred = declaration.infer(declaration.bind(inputs))
    except (BadDataError, UnknownValueError):
        return
    for dimensions in inferred:
        assert all(type(size) is int and size > 0 for size in dimensions)
    known = all(operand.value is not None for operand in inputs)
    if known and max(math.prod(dimensions) for dimensions in inferred) < 100_000:
        try:
            results = evaluate(declaration, inputs, [operand.value for operand in inputs], outputs)
        except BadDataError:  # values that are no geometry, such as an index of a table, are seen only here
            return
        assert tuple(result.shape for result in results) == inferred[: len(results)]
        assert [result.dtype for result in results] == [operand.type.dtype for operand in outputs[: len(results)]]
