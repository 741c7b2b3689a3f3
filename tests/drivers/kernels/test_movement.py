"""Kernels that move values: large tensors on several threads, and what generated cases do not reach."""

import itertools
import math

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal import reference
from hal.errors import BadDataError
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.support import Input, constant, execute, prepare, single

LARGE = np.arange(67 * 83 * 5 * 3, dtype=np.float32).reshape(67, 83, 5, 3)


@pytest.fixture(scope="module", params=[1, 3], ids=["one thread", "three threads"])
def device(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNHAL_CPU_THREADS", str(request.param))
        yield CpuDevice()


def run(device, operation_type, *arguments):
    model, inputs = single(operation_type, *arguments)
    shapes = [model.main.operands[index].dimensions for index in model.main.outputs]
    return execute(prepare(device, model), inputs, shapes)


def ints(*values):
    return np.array(values, np.int32)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(4))), ids=str)
def test_transpose(device, axes):
    (actual,) = run(device, O.TRANSPOSE, LARGE.view(Input), ints(*axes))
    np.testing.assert_array_equal(actual, LARGE.transpose(axes))


@pytest.mark.parametrize("shape", [(2, 40, 30, 4), (1, 40, 30, 12), (1, 40, 30, 64), (1, 2, 3, 4)], ids=str)
def test_depth_to_space_and_back(device, shape):
    values = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    batches, height, width, depth = shape
    blocks = values.reshape(batches, height, width, 2, 2, depth // 4).transpose(0, 1, 3, 2, 4, 5)
    (wide,) = run(device, O.DEPTH_TO_SPACE, values.view(Input), 2)
    np.testing.assert_array_equal(wide, blocks.reshape(batches, 2 * height, 2 * width, depth // 4))
    (deep,) = run(device, O.SPACE_TO_DEPTH, wide.view(Input), 2)
    np.testing.assert_array_equal(deep, values)


@pytest.mark.parametrize("multiples", [(2, 1, 1, 1), (1, 1, 1, 7), (1, 3, 1, 2), (2, 2, 2, 2)])
def test_tile(device, multiples):
    (actual,) = run(device, O.TILE, LARGE.view(Input), ints(*multiples))
    np.testing.assert_array_equal(actual, np.tile(LARGE, multiples))


def test_tile_of_rank_six(device):
    values = LARGE.reshape(67, 83, 1, 5, 1, 3)
    multiples = (1, 1, 2, 1, 3, 2)
    (actual,) = run(device, O.TILE, values.view(Input), ints(*multiples))
    np.testing.assert_array_equal(actual, np.tile(values, multiples))


@pytest.mark.parametrize("axis", range(4))
def test_reverse(device, axis):
    (actual,) = run(device, O.REVERSE, LARGE.view(Input), ints(axis))
    np.testing.assert_array_equal(actual, np.flip(LARGE, axis))


@pytest.mark.parametrize("axis", range(4))
def test_concatenation_and_split(device, axis):
    (joined,) = run(device, O.CONCATENATION, LARGE.view(Input), -LARGE.view(Input), LARGE, axis)
    np.testing.assert_array_equal(joined, np.concatenate([LARGE, -LARGE, LARGE], axis))
    parts = run(device, O.SPLIT, joined.view(Input), axis, 3)
    for part, expected in zip(parts, (LARGE, -LARGE, LARGE)):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize(("mode", "name"), [(0, "reflect"), (1, "symmetric")])
def test_mirrors_reach_around_every_corner(device, mode, name):
    pads = [(66, 3), (0, 40), (4, 4), (2, 1)]
    (actual,) = run(device, O.MIRROR_PAD, LARGE.view(Input), ints(*pads), mode)
    np.testing.assert_array_equal(actual, np.pad(LARGE, pads, mode=name))


@pytest.mark.parametrize(
    "pads",
    [
        [(1, 0), (0, 30), (9, 2), (3, 5)],
        [(0, 0), (1, 1), (1, 1), (0, 0)],
        [(0, 0), (0, 0), (0, 0), (0, 7)],
        [(0, 0), (0, 0), (2, 0), (0, 0)],
        [(3, 2), (0, 0), (0, 0), (0, 0)],
        [(1, 0), (0, 0), (0, 1), (0, 0)],
        [(0, 0), (0, 0), (0, 0), (0, 0)],
    ],
    ids=str,
)
def test_pad_fills_every_border(device, pads):
    (actual,) = run(device, O.PAD_V2, LARGE.view(Input), ints(*pads), -1.5)
    np.testing.assert_array_equal(actual, np.pad(LARGE, pads, constant_values=-1.5))


def test_pad_of_a_single_row(device):
    (actual,) = run(device, O.PAD_V2, LARGE.reshape(-1).view(Input), ints([5, 9]), -1.5)
    np.testing.assert_array_equal(actual, np.pad(LARGE.reshape(-1), (5, 9), constant_values=-1.5))


@pytest.mark.parametrize("shape", [(3, 4), (1,), (200, 300)])
@pytest.mark.parametrize(("value", "operand_type"), [(2.5, T.TENSOR_FLOAT32), (-7, T.TENSOR_INT32)])
def test_fill(device, shape, value, operand_type):
    operands = (
        constant(ints(*shape)),
        constant(value),
        Operand(operand_type, shape, lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    model = Model(Subgraph(operands, (Operation(O.FILL, (0, 1), (2,)),), (), (2,)))
    (actual,) = execute(prepare(device, model), [], [shape], operand_type.dtype)
    np.testing.assert_array_equal(actual, np.full(shape, value))


@pytest.mark.parametrize("value", [0, 3, 127, 128, 255])
def test_a_pad_value_is_one_that_the_tensor_stores(device, value):
    image = Operand(T.TENSOR_QUANT8_ASYMM, (2, 3), 0.5, 128, Lifetime.SUBGRAPH_INPUT)
    padded = Operand(T.TENSOR_QUANT8_ASYMM, (2, 5), 0.5, 128, Lifetime.SUBGRAPH_OUTPUT)
    operands = (image, constant(ints([0, 0], [1, 1])), constant(value), padded)
    model = Model(Subgraph(operands, (Operation(O.PAD_V2, (0, 1, 2), (3,)),), (0,), (3,)))
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    (actual,) = execute(prepare(device, model), [values], [(2, 5)], np.uint8)
    assert actual.tolist() == [[value, 0, 1, 2, value], [value, 3, 4, 5, value]]


def test_not_a_number_is_moved_like_any_value(device):
    bits = np.arange(0x7F800000, 0x7F800000 + 4096, dtype=np.int32)  # infinity, then signalling NaNs
    (actual,) = run(device, O.REVERSE, bits.view(np.float32).view(Input), ints(0))
    assert actual.view(np.int32).tolist() == bits[::-1].tolist()


def lookup_model(operation_type, places, computed):
    """Rows of a matrix; computed places are those of a reversed tensor, which no one knows before."""
    matrix = Operand(T.TENSOR_FLOAT32, (4, 2), lifetime=Lifetime.SUBGRAPH_INPUT)
    out = Operand(T.TENSOR_FLOAT32, (len(places), 2), lifetime=Lifetime.SUBGRAPH_OUTPUT)
    rows = constant(ints(*places))
    operands, operations, inputs = [matrix, rows, constant(0), out], [], (0,)
    at = 1
    if computed:
        operands[1] = Operand(T.TENSOR_INT32, rows.dimensions, lifetime=Lifetime.SUBGRAPH_INPUT)
        operands.append(Operand(T.TENSOR_INT32, rows.dimensions))
        operands.append(constant(ints(0)))
        operations.append(Operation(O.REVERSE, (1, 5), (4,)))
        inputs, at = (0, 1), 4
    arguments = (0, 2, at) if operation_type is O.GATHER else (at, 0)
    operations.append(Operation(operation_type, arguments, (3,)))
    return Model(Subgraph(tuple(operands), tuple(operations), inputs, (3,)))


@pytest.mark.parametrize("operation_type", [O.GATHER, O.EMBEDDING_LOOKUP], ids=lambda each: each.name)
@pytest.mark.parametrize("computed", [False, True], ids=["constant", "computed"])
@pytest.mark.parametrize("wrong", [4, -1, 2**31 - 1, -(2**31)])
def test_places_that_are_not_there_are_refused(device, operation_type, computed, wrong):
    matrix = np.arange(8, dtype=np.float32).reshape(4, 2)

    def looked_up(*places):
        inputs = [matrix, ints(*places)] if computed else [matrix]
        model = lookup_model(operation_type, places, computed)
        return execute(prepare(device, model), inputs, [(len(places), 2)])[0].tolist()

    assert looked_up(3, 0, 3) == [[6, 7], [0, 1], [6, 7]]
    with pytest.raises(BadDataError, match=f"have {wrong}; each must be from 0 to 3"):
        looked_up(1, wrong, 2)


def test_concatenation_requantises_every_value_as_the_reference_does(device):
    every = np.arange(256, dtype=np.uint8)
    scales = [(0.1, 128), (0.0173, 3), (0.5, 255)]
    operands = [Operand(T.TENSOR_QUANT8_ASYMM, (256,), *each, Lifetime.SUBGRAPH_INPUT) for each in scales]
    joined = Operand(T.TENSOR_QUANT8_ASYMM, (768,), 0.1, 100, Lifetime.SUBGRAPH_OUTPUT)
    operands += [constant(0), joined]
    model = Model(Subgraph(tuple(operands), (Operation(O.CONCATENATION, (0, 1, 2, 3), (4,)),), (0, 1, 2), (4,)))
    (expected,) = reference.run(model, [every] * 3)
    (actual,) = execute(prepare(device, model), [every] * 3, [(768,)], np.uint8)
    np.testing.assert_array_equal(actual, expected)


def test_reshape_within_a_program_keeps_the_order(device):
    rows, columns = 100, 300
    operands = (
        Operand(T.TENSOR_FLOAT32, (rows, columns), lifetime=Lifetime.SUBGRAPH_INPUT),
        constant(ints(1, 0)),
        Operand(T.TENSOR_FLOAT32, (columns, rows)),
        constant(ints(columns // 2, 2, rows)),
        Operand(T.TENSOR_FLOAT32, (columns // 2, 2, rows)),
        constant(ints(2, 1, 0)),
        Operand(T.TENSOR_FLOAT32, (rows, 2, columns // 2), lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    operations = (
        Operation(O.TRANSPOSE, (0, 1), (2,)),
        Operation(O.RESHAPE, (2, 3), (4,)),
        Operation(O.TRANSPOSE, (4, 5), (6,)),
    )
    values = np.arange(math.prod((rows, columns)), dtype=np.float32).reshape(rows, columns)
    model = Model(Subgraph(operands, operations, (0,), (6,)))
    (actual,) = execute(prepare(device, model), [values], [(rows, 2, columns // 2)])
    np.testing.assert_array_equal(actual, values.T.reshape(columns // 2, 2, rows).transpose(2, 1, 0))
