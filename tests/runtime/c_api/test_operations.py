"""What addOperation takes and what it refuses, for every operation, through the C functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest

from hal.types import TENSOR_OEM_BYTE, OperationType, ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.operation_cases import QUANT8, Case, Given, O, Ranks, T, cases, given, ints, of_rank

CASES = list(cases())
TYPES = (*(each for each in T if each is not T.MODEL), TENSOR_OEM_BYTE)


def outcome(nn, operation: int, inputs: Sequence[Given], outputs: Sequence[Given], models: Sequence = ()) -> int:
    """What adding the operation over new operands gives, or adding the first of them that is refused already.

    ``models``: the values of the operands of type MODEL, in order.
    """
    ffi, lib = nn.ffi, nn.lib
    model = clients.new_model(nn)
    values = iter(models)
    try:
        for index, operand in enumerate((*inputs, *outputs)):
            made = clients.operand_type(nn, operand.type, operand.dimensions, operand.scale, operand.zero_point)
            code = lib.ANeuralNetworksModel_addOperand(model, made)
            if code == ResultCode.NO_ERROR and operand.channel_dim is not None:
                scales = ffi.new("float[]", operand.scales)
                made = ffi.new(
                    "ANeuralNetworksSymmPerChannelQuantParams*", [operand.channel_dim, len(operand.scales), scales]
                )
                code = lib.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, index, made)
            if code == ResultCode.NO_ERROR and operand.type == T.MODEL:
                code = lib.ANeuralNetworksModel_setOperandValueFromModel(model, index, next(values))
            if code != ResultCode.NO_ERROR:
                return code
        first = clients.indexes(nn, range(len(inputs)))
        last = clients.indexes(nn, range(len(inputs), len(inputs) + len(outputs)))
        return lib.ANeuralNetworksModel_addOperation(model, operation, len(inputs), first, len(outputs), last)
    finally:
        lib.ANeuralNetworksModel_free(model)


def variants(operand: Given, other: int) -> Iterator[Given]:
    """The operand as another type: as it stands, and as that type must be."""
    yield replace(operand, type=other)
    if not isinstance(other, T) or other.is_tensor:
        yield given(other, *(operand.dimensions or (1,)))
    else:
        yield given(other)


def with_one(operands: Sequence[Given], position: int, operand: Given) -> tuple[Given, ...]:
    return (*operands[:position], operand, *operands[position + 1 :])


def with_ranks(case: Case, ranks: Ranks, rank: int) -> tuple[Given, ...]:
    return tuple(
        of_rank(operand, rank) if position in ranks.positions else operand
        for position, operand in enumerate(case.inputs)
    )


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_takes_the_operation_as_documented(nn, case):
    assert outcome(nn, case.operation, case.inputs, case.outputs) == ResultCode.NO_ERROR


def test_refuses_every_other_type_of_an_input(nn, case):
    for position, operand in enumerate(case.inputs):
        also = case.inputs_also.get(position, frozenset())
        for other in TYPES:
            if also is not None and other != operand.type and other not in also:
                for variant in variants(operand, other):
                    inputs = with_one(case.inputs, position, variant)
                    code = outcome(nn, case.operation, inputs, case.outputs)
                    assert code == ResultCode.BAD_DATA, f"input {position} as {variant}"


def test_refuses_every_other_type_of_an_output(nn, case):
    for position, operand in enumerate(case.outputs):
        for other in TYPES:
            if other != operand.type and other not in case.outputs_also.get(position, ()):
                for variant in variants(operand, other):
                    outputs = with_one(case.outputs, position, variant)
                    code = outcome(nn, case.operation, case.inputs, outputs)
                    assert code == ResultCode.BAD_DATA, f"output {position} as {variant}"


def test_refuses_more_inputs(nn, case):
    for count in range(1, case.more_inputs + 1):
        inputs = (*case.inputs, *[case.inputs[0]] * count)
        assert outcome(nn, case.operation, inputs, case.outputs) == ResultCode.BAD_DATA, f"{count} more inputs"


def test_refuses_more_outputs_than_it_may_have(nn, case):
    for count in range(1, 7):
        outputs = (*case.outputs, *[case.outputs[0]] * count)
        if count not in case.more_outputs:
            assert outcome(nn, case.operation, case.inputs, outputs) == ResultCode.BAD_DATA, f"{count} more outputs"


@pytest.mark.parametrize("case", [case for case in CASES if case.ranks], ids=lambda case: case.name)
def test_takes_the_documented_ranks_and_no_others(nn, case):
    for ranks in case.ranks:
        for rank in (ranks.least, ranks.most):
            inputs = with_ranks(case, ranks, rank)
            assert outcome(nn, case.operation, inputs, case.outputs) == ResultCode.NO_ERROR, f"rank {rank}"
        for rank in ranks.most + 1, ranks.least - 1:
            if rank > 0:
                inputs = with_ranks(case, ranks, rank)
                assert outcome(nn, case.operation, inputs, case.outputs) == ResultCode.BAD_DATA, f"rank {rank}"


def test_there_is_a_case_for_every_operation():
    experimental = {O.DENSIFY}
    assert {case.operation for case in CASES} | {O.IF, O.WHILE} == set(OperationType) - experimental


def test_mul_refuses_an_output_of_a_smaller_scale_than_its_product(nn):
    a = Given(T.TENSOR_QUANT8_ASYMM, (2, 2, 2, 2), 1.0)
    for scale, code in ((0.5, ResultCode.BAD_DATA), (1.0, ResultCode.BAD_DATA), (1.5, ResultCode.NO_ERROR)):
        assert outcome(nn, O.MUL, [a, a, Given(T.INT32)], [replace(a, scale=scale)]) == code


def with_each_changed(operands: Sequence[Given], positions: Sequence[int], change) -> Iterator[tuple[Given, ...]]:
    for position in positions:
        yield with_one(operands, position, change(operands[position]))


@pytest.mark.parametrize("data_type", QUANT8)
@pytest.mark.parametrize("change", [{"zero_point": 1}, {"scale": 1 / 128}], ids=str)
@pytest.mark.parametrize("operation", [O.PACK, O.REVERSE])
def test_what_moves_values_refuses_another_quantization(nn, operation, data_type, change):
    a = given(data_type, 4, 5, 6)
    if operation is O.PACK:
        operands, positions = (Given(T.INT32), a, a, given(data_type, 4, 5, 6, 2)), (1, 2, 3)
    else:
        operands, positions = (a, ints(1), a), (0, 2)
    assert outcome(nn, operation, operands[:-1], operands[-1:]) == ResultCode.NO_ERROR
    for changed in with_each_changed(operands, positions, lambda operand: replace(operand, **change)):
        assert outcome(nn, operation, changed[:-1], changed[-1:]) == ResultCode.BAD_DATA


@pytest.mark.parametrize("more", [-1, 1])
@pytest.mark.parametrize("operation", [O.PACK, O.REVERSE])
def test_what_moves_values_refuses_ranks_that_differ(nn, operation, more):
    a = given(T.TENSOR_FLOAT32, 4, 5, 6)
    if operation is O.PACK:
        operands, positions = (Given(T.INT32), a, a, given(T.TENSOR_FLOAT32, 2, 4, 5, 6)), (1, 2, 3)
    else:
        operands, positions = (a, ints(1), a), (0, 1, 2) if more > 0 else (0, 2)
    assert outcome(nn, operation, operands[:-1], operands[-1:]) == ResultCode.NO_ERROR
    for changed in with_each_changed(operands, positions, lambda a: of_rank(a, len(a.dimensions) + more)):
        assert outcome(nn, operation, changed[:-1], changed[-1:]) == ResultCode.BAD_DATA


SHAPES = {"known": (1, 2, 3), "unknown dimensions": (0, 2, 0), "unknown rank": ()}
TRUTH = given(T.TENSOR_BOOL8, 1)


def data(dimensions: Sequence[int]) -> Given:
    return given(T.TENSOR_FLOAT32, *dimensions)


def finished(nn, operation: int, operands: Sequence[Given], reads: Sequence[int], inputs: Sequence[int]):
    """A finished model of one operation, which reads ``reads`` and writes the last of ``operands``, its output."""
    model = clients.new_model(nn)
    for operand in operands:
        clients.add_operand(nn, model, operand.type, operand.dimensions, operand.scale, operand.zero_point)
    outputs = [len(operands) - 1]
    clients.add_operation(nn, model, operation, reads, outputs)
    clients.identify(nn, model, inputs, outputs)
    clients.ok(nn.lib.ANeuralNetworksModel_finish(model))
    return model


def branches(nn, operation: O, first: Sequence[int], second: Sequence[int]) -> list:
    """The two models that an IF, or a WHILE, executes."""
    if operation is O.IF:
        return [finished(nn, O.CAST, [data(dimensions)] * 2, [0], [0]) for dimensions in (first, second)]
    return [
        finished(nn, O.LESS, [data(first), data(first), TRUTH], [0, 1], [0, 1]),
        finished(nn, O.CAST, [data(second)] * 3, [0], [0, 1]),
    ]


def calling(operation: O, dimensions: Sequence[int]) -> tuple[tuple[Given, ...], tuple[Given, ...]]:
    """Inputs and outputs of an IF or WHILE that calls what ``branches`` gives."""
    models = (Given(T.MODEL), Given(T.MODEL))
    if operation is O.IF:
        return (TRUTH, *models, data(dimensions)), (data(dimensions),)
    return (*models, data(dimensions), data(dimensions)), (data(dimensions),)


@pytest.mark.parametrize("operation", [O.IF, O.WHILE])
@pytest.mark.parametrize(("outer", "first", "second"), list(product(SHAPES, repeat=3)))
def test_control_flow_takes_models_whose_dimensions_may_be_its_own(nn, operation, outer, first, second):
    models = branches(nn, operation, SHAPES[first], SHAPES[second])
    inputs, outputs = calling(operation, SHAPES[outer])
    assert outcome(nn, operation, inputs, outputs, models) == ResultCode.NO_ERROR


@pytest.mark.parametrize("operation", [O.IF, O.WHILE])
def test_control_flow_refuses_operands_that_its_models_do_not_take(nn, operation):
    models = branches(nn, operation, (1, 2, 3), (1, 2, 3))
    inputs, outputs = calling(operation, (1, 2, 3))
    changed = [
        (with_one(inputs, position, replace(operand, type=other)), outputs)
        for position, operand in enumerate(inputs)
        for other in TYPES
        if other != operand.type
    ]
    changed += [(inputs, (replace(outputs[0], type=other),)) for other in TYPES if other != outputs[0].type]
    changed += [((*inputs, *[TRUTH] * count), outputs) for count in range(1, 6)]
    changed += [(inputs, outputs * count) for count in range(2, 8)]
    changed += [(with_one(inputs, 3, data((1, 2, 4))), outputs)]
    for other_inputs, other_outputs in changed:
        code = outcome(nn, operation, other_inputs, other_outputs, models)
        assert code == ResultCode.BAD_DATA, (other_inputs, other_outputs)
