"""Building models: NNAPI's rules and result codes, call by call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.errors import BadDataError, BadStateError, UnexpectedNullError
from hal.model import Lifetime, Operand
from hal.types import OperandType, OperationType
from runtime.memory import Memory
from runtime.model import Model

T = OperandType
BuildModel = Callable[..., Model]


def only_operand(kind: OperandType, *dimensions: int, **more: Any) -> Model:
    model = Model()
    assert model.add_operand(kind, dimensions, **more) == 0
    return model


def after_finish(model: Model, index: int) -> Operand:
    model.finish()
    return model.canonical.main.operands[index]


def add_constant(build: BuildModel, kind: OperandType, *dimensions: int) -> tuple[Model, int]:
    """A model that lacks only the value of its last operand and ``finish``."""
    model = build(finish=False)
    return model, model.add_operand(kind, dimensions, scale=1.0 if kind.has_scale else 0.0)


# add_operand


def test_operands_are_numbered_as_they_come() -> None:
    model = Model()
    assert [model.add_operand(T.INT32), model.add_operand(T.TENSOR_FLOAT32, [1, 0])] == [0, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        (99,),
        ("TENSOR_FLOAT32",),
        (5 << 16,),
        (T.INT32, (2,)),
        (T.TENSOR_FLOAT32, (2, -1)),
        (T.TENSOR_FLOAT32, (2, 1.5)),
        (T.TENSOR_FLOAT32, (5, 4, 4, 786433, 5, 3, 16777216, 4, 5)),
        (T.TENSOR_FLOAT32, (), 1.0),
        (T.TENSOR_QUANT8_ASYMM, (), -1.0),
        (T.TENSOR_QUANT8_ASYMM, (), 1.0, -1),
        (T.TENSOR_QUANT8_ASYMM, (), 1.0, 0.5),
        (T.TENSOR_QUANT8_ASYMM, (), 1e-60),
        (T.TENSOR_QUANT8_ASYMM, (), 1e60),
        (T.TENSOR_QUANT8_ASYMM, (), "one"),
    ],
)
def test_add_operand_refuses_wrong_types(arguments: tuple[Any, ...]) -> None:
    model = Model()
    with pytest.raises(BadDataError, match="operand 0"):
        model.add_operand(*arguments)
    assert model.add_operand(T.INT32) == 0


def test_add_operand_needs_a_type_and_dimensions() -> None:
    with pytest.raises(UnexpectedNullError):
        Model().add_operand(None)  # type: ignore[arg-type]
    with pytest.raises(UnexpectedNullError):
        Model().add_operand(T.INT32, None)  # type: ignore[arg-type]


def test_scales_have_32_bits(add_model: BuildModel) -> None:
    model = add_model(finish=False)
    index = model.add_operand(T.TENSOR_QUANT8_ASYMM, (1,), 0.1)
    model.set_operand_value(index, b"\0")
    assert after_finish(model, index).scale == float(np.float32(0.1))


# set_operand_value


@pytest.mark.parametrize(
    ("kind", "dimensions", "value"),
    [
        (T.TENSOR_FLOAT32, (2,), np.ones(2)),
        (T.TENSOR_FLOAT32, (2,), np.ones(2, ">f4")),
        (T.TENSOR_FLOAT32, (2,), np.ones(3, np.float32)),
        (T.TENSOR_FLOAT32, (2, 2), np.ones(4, np.float32)),
        (T.TENSOR_FLOAT32, (2,), b"1234567"),
        (T.TENSOR_FLOAT32, (2,), b"1234"),
        (T.TENSOR_FLOAT32, (2,), 1.0),
        (T.TENSOR_FLOAT32, (2,), [1.0, 2.0]),
        (T.TENSOR_FLOAT32, (2, 0), np.ones((2, 1), np.float32)),
        (T.TENSOR_FLOAT32, (), np.ones((2, 1), np.float32)),
        (T.INT32, (), 2**31),
        (T.INT32, (), 1.0),
        (T.INT32, (), True),
        (T.INT32, (), np.ones(1, np.int32)),
        (T.UINT32, (), -1),
        (T.BOOL, (), 1),
        (T.FLOAT32, (), True),
        (T.FLOAT32, (), b"12"),
        (T.MODEL, (), b"1234"),
        (T.MODEL, (), None),
    ],
)
def test_set_operand_value_refuses_what_the_type_does_not_hold(
    kind: OperandType, dimensions: tuple[int, ...], value: Any
) -> None:
    with pytest.raises(BadDataError, match="operand 0"):
        only_operand(kind, *dimensions).set_operand_value(0, value)


@pytest.mark.parametrize("index", [-1, 1, 2**40, "0", None])
def test_set_operand_value_refuses_operands_that_do_not_exist(index: Any) -> None:
    with pytest.raises(BadDataError, match="there are 1 operands"):
        only_operand(T.INT32).set_operand_value(index, 1)


@pytest.mark.parametrize(
    ("kind", "given_", "expected"),
    [
        (T.INT32, 7, 7),
        (T.INT32, np.int32(7), 7),
        (T.INT32, np.array(7, np.int32), 7),
        (T.INT32, b"\7\0\0\0", 7),
        (T.UINT32, 2**32 - 1, 2**32 - 1),
        (T.FLOAT32, 1, 1.0),
        (T.FLOAT16, 0.5, 0.5),
        (T.BOOL, True, True),
    ],
)
def test_scalars_from_numbers_and_arrays(add_model: BuildModel, kind: OperandType, given_: Any, expected: Any) -> None:
    model, index = add_constant(add_model, kind)
    model.set_operand_value(index, given_)
    value = after_finish(model, index).value
    assert value is not None
    assert value.dtype == kind.dtype
    assert value.shape == ()
    assert value.item() == expected


def test_bytes_take_the_operand_s_dimensions(add_model: BuildModel) -> None:
    model, index = add_constant(add_model, T.TENSOR_INT32, 2, 2)
    model.set_operand_value(index, memoryview(np.arange(4, dtype=np.int32).tobytes()))
    value = after_finish(model, index).value
    np.testing.assert_array_equal(value, np.arange(4, dtype=np.int32).reshape(2, 2))


def test_any_byte_but_zero_is_true(add_model: BuildModel) -> None:
    model, index = add_constant(add_model, T.TENSOR_BOOL8, 3)
    model.set_operand_value(index, b"\0\1\2")
    value = after_finish(model, index).value
    assert value is not None
    assert value.view(np.uint8).tolist() == [0, 1, 1]


@pytest.mark.parametrize(("size", "is_copied"), [(32, True), (33, False)])
def test_small_constants_are_copied_and_large_ones_referred_to(
    add_model: BuildModel, size: int, is_copied: bool
) -> None:
    model, index = add_constant(add_model, T.TENSOR_FLOAT32, size)
    array = np.zeros(size, np.float32)
    model.set_operand_value(index, array)
    operand = after_finish(model, index)
    assert operand.lifetime is Lifetime.CONSTANT_COPY
    assert operand.value is not None
    assert np.shares_memory(operand.value, array) is not is_copied
    assert not operand.value.flags.writeable
    assert array.flags.writeable


def test_large_constants_that_are_not_contiguous_are_copied(add_model: BuildModel) -> None:
    model, index = add_constant(add_model, T.TENSOR_FLOAT32, 20, 30)
    array = np.arange(600, dtype=np.float32).reshape(30, 20).T
    model.set_operand_value(index, array)
    operand = after_finish(model, index)
    assert operand.value is not None
    assert operand.value.flags.c_contiguous
    np.testing.assert_array_equal(operand.value, array)


def test_none_leaves_an_operand_out(add_model: BuildModel) -> None:
    model, index = add_constant(add_model, T.TENSOR_FLOAT32, 2)
    model.set_operand_value(index, np.zeros(2, np.float32))
    model.set_operand_value(index, None)
    operand = after_finish(model, index)
    assert (operand.lifetime, operand.value) == (Lifetime.NO_VALUE, None)


# set_operand_value_from_memory


def test_a_memory_s_part_becomes_a_constant_without_copying(add_model: BuildModel) -> None:
    memory = Memory.from_array(np.arange(8, dtype=np.float32))
    model, index = add_constant(add_model, T.TENSOR_FLOAT32, 2, 2)
    model.set_operand_value_from_memory(index, memory, 8, 16)
    operand = after_finish(model, index)
    np.testing.assert_array_equal(operand.value, [[2, 3], [4, 5]])
    assert operand.lifetime is Lifetime.CONSTANT_REFERENCE
    assert operand.value is not None
    assert np.shares_memory(operand.value, memory.data)
    assert not operand.value.flags.writeable
    assert operand.location is not None
    assert (operand.location.offset, operand.location.length) == (8, 16)


@pytest.mark.parametrize(("offset", "length"), [(0, 20), (21, 4), (17, 4), (-4, 4), (0, 0), (2**40, 4)])
def test_set_operand_value_from_memory_refuses_wrong_parts(offset: int, length: int) -> None:
    memory = Memory.from_array(np.zeros(20, np.uint8))
    with pytest.raises(BadDataError):
        only_operand(T.TENSOR_FLOAT32, 1).set_operand_value_from_memory(0, memory, offset, length)


@pytest.mark.parametrize(("kind", "dimensions"), [(T.TENSOR_FLOAT32, (0,)), (T.TENSOR_FLOAT32, ()), (T.MODEL, ())])
def test_set_operand_value_from_memory_refuses_unknown_types(kind: OperandType, dimensions: tuple[int, ...]) -> None:
    memory = Memory.from_array(np.zeros(20, np.uint8))
    with pytest.raises(BadDataError, match="must be known"):
        only_operand(kind, *dimensions).set_operand_value_from_memory(0, memory, 0, 4)


def test_set_operand_value_from_memory_refuses_what_does_not_exist() -> None:
    model = only_operand(T.TENSOR_FLOAT32, 1)
    with pytest.raises(UnexpectedNullError):
        model.set_operand_value_from_memory(0, None, 0, 4)  # type: ignore[arg-type]
    memory = Memory.from_array(np.zeros(20, np.uint8))
    for index in (1, -1):
        with pytest.raises(BadDataError, match="there is no operand"):
            model.set_operand_value_from_memory(index, memory, 0, 4)


# set_operand_value_from_model


def test_set_operand_value_from_model_follows_the_rules(add_model: BuildModel) -> None:
    model = Model()
    operand, other = model.add_operand(T.MODEL), model.add_operand(T.INT32)
    with pytest.raises(BadStateError):
        model.set_operand_value_from_model(operand, add_model(finish=False))
    with pytest.raises(UnexpectedNullError):
        model.set_operand_value_from_model(operand, None)  # type: ignore[arg-type]
    for index in (-1, 2, other):
        with pytest.raises(BadDataError):
            model.set_operand_value_from_model(index, add_model())
    model.set_operand_value_from_model(operand, add_model())


def if_model(add_model: BuildModel, then: Model, otherwise: Model) -> Model:
    """IF over two finished models, beside the addition that ``add_model`` has."""
    model = add_model(finish=False)
    condition = model.add_operand(T.TENSOR_BOOL8, (1,))
    model.set_operand_value(condition, np.array([True]))
    first, second = model.add_operand(T.MODEL), model.add_operand(T.MODEL)
    model.set_operand_value_from_model(first, then)
    model.set_operand_value_from_model(second, otherwise)
    result = model.add_operand(T.TENSOR_FLOAT32, (2, 3))
    model.add_operation(OperationType.IF, [condition, first, second, 0, 1], [result])
    model.finish()
    return model


def test_referenced_models_are_numbered_once_each(add_model: BuildModel) -> None:
    leaf, other = add_model(), add_model()
    inner = if_model(add_model, leaf, other)
    outer = if_model(add_model, leaf, inner).canonical
    assert [subgraph.operations for subgraph in outer.referenced] == [
        leaf.canonical.main.operations,
        inner.canonical.main.operations,
        other.canonical.main.operations,
    ]
    numbers = [
        [operand.subgraph for operand in subgraph.operands if operand.subgraph is not None]
        for subgraph in (outer.main, outer.referenced[1])
    ]
    assert numbers == [[0, 1], [0, 2]]


# set_operand_symm_per_channel_quant_params


def test_per_channel_scales_are_checked_and_kept(add_model: BuildModel) -> None:
    model, index = add_constant(add_model, T.TENSOR_QUANT8_SYMM_PER_CHANNEL, 2, 3)
    model.set_operand_value(index, bytes(6))
    for channel_dim, scales in ((2, [1.0, 2.0]), (0, [1.0]), (0, [1.0, -1.0]), (0.5, [1.0, 2.0]), (0, ["x", 1.0])):
        with pytest.raises(BadDataError):
            model.set_operand_symm_per_channel_quant_params(index, channel_dim, scales)  # type: ignore[arg-type]
    with pytest.raises(BadDataError):
        model.set_operand_symm_per_channel_quant_params(index + 1, 0, [1.0, 2.0])
    with pytest.raises(BadDataError):
        model.set_operand_symm_per_channel_quant_params(0, 0, [1.0, 2.0])
    with pytest.raises(UnexpectedNullError):
        model.set_operand_symm_per_channel_quant_params(index, 0, None)  # type: ignore[arg-type]
    model.set_operand_symm_per_channel_quant_params(index, 0, [0.1, 2.0])
    per_channel = after_finish(model, index).per_channel
    assert per_channel is not None
    assert (per_channel.channel_dim, per_channel.scales) == (0, (float(np.float32(0.1)), 2.0))


# add_operation


@pytest.mark.parametrize(
    ("operation", "inputs", "outputs", "sentence"),
    [
        (-1, [0], [1], "NNAPI does not have type -1"),
        (106, [0], [1], "NNAPI does not have type 106"),
        (5 << 16, [0], [1], "NNAPI does not have type"),
        (OperationType.RELU, [0], [9], "output 0 is operand 9"),
        (OperationType.RELU, [-1], [1], "input 0 is operand -1"),
        (OperationType.RELU, [0.5], [1], "must be integers"),
        (OperationType.RELU, [0, 0], [1], "it has 2 inputs"),
        (OperationType.RELU, [0], [], "it has 0 outputs"),
        (OperationType.RELU, [0], [2], "output 0 ('output', operand 2) is INT32"),
        (OperationType.ADD, [0, 1, 1], [1], "input 2 ('activation', operand 1) is TENSOR_FLOAT32"),
    ],
)
def test_add_operation_refuses_wrong_ones(operation: int, inputs: Any, outputs: Any, sentence: str) -> None:
    model = Model()
    for kind, dimensions in ((T.TENSOR_FLOAT32, (2,)), (T.TENSOR_FLOAT32, (2,)), (T.INT32, ())):
        model.add_operand(kind, dimensions)
    with pytest.raises(BadDataError, match="operation 0") as caught:
        model.add_operation(operation, inputs, outputs)  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    assert caught.value.code.name == "BAD_DATA"


@pytest.mark.parametrize(
    "arguments", [(None, [0], [0]), (OperationType.RELU, None, [0]), (OperationType.RELU, [0], None)]
)
def test_add_operation_needs_its_arguments(arguments: tuple[Any, Any, Any]) -> None:
    with pytest.raises(UnexpectedNullError):
        only_operand(T.TENSOR_FLOAT32, 2).add_operation(*arguments)


# identify_inputs_and_outputs


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([0, 1], [3, 0]),
        ([0, 1, 3], [3]),
        ([0, 1, 0], [3]),
        ([0, 1], [3, 3]),
        ([0, 2], [3]),
        ([0, 9], [3]),
        ([0, -1], [3]),
        ([0, 0.5], [3]),
    ],
)
def test_identify_refuses_wrong_lists_and_leaves_the_model_as_it_was(
    add_model: BuildModel, inputs: list[int], outputs: list[int]
) -> None:
    model = Model()
    for _ in range(2):
        model.add_operand(T.TENSOR_FLOAT32, (2,))
    model.set_operand_value(model.add_operand(T.INT32), 0)
    model.add_operand(T.TENSOR_FLOAT32, (2,))
    model.add_operation(OperationType.ADD, [0, 1, 2], [3])
    with pytest.raises(BadDataError):
        model.identify_inputs_and_outputs(inputs, outputs)
    model.identify_inputs_and_outputs([0, 1], [3])
    model.finish()


def test_identify_needs_both_lists() -> None:
    model = only_operand(T.TENSOR_FLOAT32, 2)
    for lists in ((None, [0]), ([0], None)):
        with pytest.raises(UnexpectedNullError):
            model.identify_inputs_and_outputs(*lists)


def test_identify_twice_is_refused(add_model: BuildModel) -> None:
    with pytest.raises(BadDataError):
        add_model(finish=False).identify_inputs_and_outputs([0, 1], [3])


# finish


def test_relaxed_computation_is_kept(add_model: BuildModel) -> None:
    model = add_model(finish=False)
    model.relax_computation_float32_to_float16()
    model.finish()
    assert model.canonical.relaxed
    assert not add_model().canonical.relaxed


def test_an_empty_model_is_refused() -> None:
    with pytest.raises(BadDataError):
        Model().finish()


def test_a_model_is_canonical_only_when_finished(add_model: BuildModel) -> None:
    with pytest.raises(BadStateError):
        _ = add_model(finish=False).canonical


CHANGES: dict[str, Callable[[Model], object]] = {
    "add_operand": lambda model: model.add_operand(T.INT32),
    "set_operand_value": lambda model: model.set_operand_value(2, 0),
    "set_operand_value_from_memory": lambda model: model.set_operand_value_from_memory(
        0, Memory.from_array(np.zeros(6, np.float32)), 0, 24
    ),
    "set_operand_value_from_model": lambda model: model.set_operand_value_from_model(0, model),
    "set_operand_symm_per_channel_quant_params": lambda model: model.set_operand_symm_per_channel_quant_params(
        0, 0, [1.0, 1.0]
    ),
    "add_operation": lambda model: model.add_operation(OperationType.RELU, [0], [1]),
    "identify_inputs_and_outputs": lambda model: model.identify_inputs_and_outputs([0], [1]),
    "relax_computation_float32_to_float16": lambda model: model.relax_computation_float32_to_float16(False),
    "finish": lambda model: model.finish(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_finished_model_can_not_be_changed(add_model: BuildModel, name: str) -> None:
    with pytest.raises(BadStateError):
        CHANGES[name](add_model())


@pytest.mark.parametrize("name", CHANGES)
def test_a_model_that_failed_to_finish_can_not_be_changed(add_model: BuildModel, name: str) -> None:
    model = add_model(finish=False)
    model.add_operand(T.TENSOR_FLOAT32, (2,))  # nothing writes it
    with pytest.raises(BadDataError):
        model.finish()
    with pytest.raises(BadStateError):
        CHANGES[name](model)


def tensors(count: int) -> Model:
    model = Model()
    for _ in range(count):
        model.add_operand(T.TENSOR_FLOAT32, (1,))
    return model


def test_operations_may_come_in_any_order() -> None:
    model = tensors(3)
    model.add_operation(OperationType.LOGISTIC, [2], [1])
    model.add_operation(OperationType.LOGISTIC, [0], [2])
    model.identify_inputs_and_outputs([0], [1])
    model.finish()
    assert [operation.inputs for operation in model.canonical.main.operations] == [(0,), (2,)]


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), min_size=8, max_size=8))
def test_operations_are_put_into_execution_order(order: list[int], sources: list[int]) -> None:
    model = tensors(9)  # operand n + 1 is written by operation n, which reads an operand before it
    for number in order:
        model.add_operation(OperationType.RELU, [min(sources[number], number)], [number + 1])
    model.identify_inputs_and_outputs([0], [8])
    model.finish()
    written = {0}
    for operation in model.canonical.main.operations:
        assert set(operation.inputs) <= written
        written.update(operation.outputs)
    assert written == set(range(9))


def test_operations_that_are_in_order_stay_so(add_model: BuildModel) -> None:
    model = tensors(4)
    for source, target in ((0, 1), (0, 3), (1, 2)):
        model.add_operation(OperationType.RELU, [source], [target])
    model.identify_inputs_and_outputs([0], [2, 3])
    model.finish()
    assert [operation.outputs for operation in model.canonical.main.operations] == [(1,), (3,), (2,)]


@pytest.mark.parametrize(
    ("operations", "outputs", "sentence"),
    [
        ([(0, 1), (2, 3), (3, 2)], [1], "read before it is written"),
        ([(0, 1), (2, 3)], [1, 3], "never written"),
        ([(0, 1)], [1], "operand 2 is never written"),
        ([(0, 1), (0, 1), (0, 2), (0, 3)], [1], "has been written before"),
        ([(0, 1), (1, 0), (0, 2), (0, 3)], [1], "lifetime SUBGRAPH_INPUT; operations can't write it"),
    ],
)
def test_finish_refuses_wrong_graphs(operations: list[tuple[int, int]], outputs: list[int], sentence: str) -> None:
    model = tensors(4)
    for source, target in operations:
        model.add_operation(OperationType.RELU, [source], [target])
    model.identify_inputs_and_outputs([0], outputs)
    with pytest.raises(BadDataError, match=sentence):
        model.finish()


# What is left to executions


def contradictory(*, lenient: bool) -> Model:
    """A model of two inputs, [2] and [3], that are to be added, not yet finished."""
    model = Model(lenient=lenient)
    operands = [model.add_operand(T.TENSOR_FLOAT32, dimensions) for dimensions in ((2,), (3,), ())]
    activation = model.add_operand(T.INT32)
    model.set_operand_value(activation, 0)
    model.add_operation(OperationType.ADD, [*operands[:2], activation], operands[2:])
    model.identify_inputs_and_outputs(operands[:2], operands[2:])
    return model


def test_a_lenient_model_is_finished_with_its_fault() -> None:
    with pytest.raises(BadDataError, match="do not broadcast"):
        contradictory(lenient=False).finish()
    model = contradictory(lenient=True)
    model.finish()
    assert "do not broadcast" in str(model.fault)


def test_a_lenient_model_need_have_no_fault(add_model: BuildModel) -> None:
    assert add_model().fault is None
    model = Model(lenient=True)
    x, y = model.add_operand(T.TENSOR_FLOAT32, (2,)), model.add_operand(T.TENSOR_FLOAT32, (2,))
    model.add_operation(OperationType.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    assert model.fault is None


def test_control_flow_is_refused_at_once_where_its_models_do_not_fit(add_model: BuildModel) -> None:
    model = Model()
    condition, branch = model.add_operand(T.TENSOR_BOOL8, (1,)), model.add_operand(T.MODEL)
    model.set_operand_value_from_model(branch, add_model())
    x, y = model.add_operand(T.TENSOR_FLOAT32, (2, 3)), model.add_operand(T.TENSOR_FLOAT32, (2, 3))
    with pytest.raises(BadDataError, match="then_model's inputs are 2; they must be as many as its own"):
        model.add_operation(OperationType.IF, [condition, branch, branch, x], [y])
    model.add_operation(OperationType.IF, [condition, branch, branch, x, x], [y])


def test_the_types_that_vendors_had_before_extensions_are_taken() -> None:
    model = Model()
    scalar, given, result = model.add_operand(10000), model.add_operand(10001, (4,)), model.add_operand(10001, (4,))
    model.set_operand_value(scalar, b"anything")
    model.add_operation(10000, [scalar, given], [result])
    model.identify_inputs_and_outputs([given], [result])
    model.finish()
    for arguments in ((10002,), (10001, (4,), 0.5)):
        with pytest.raises(BadDataError):
            Model().add_operand(*arguments)
    with pytest.raises(BadDataError):
        only_operand(T.INT32).add_operation(10001, [0], [0])
