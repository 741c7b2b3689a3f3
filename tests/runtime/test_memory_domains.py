"""Memory described by its roles, on a real driver, and shared where no single driver has them."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hal.errors import (
    BadDataError,
    BadStateError,
    DeadObjectError,
    NnapiError,
    OpFailedError,
    OutputInsufficientSizeError,
    UnexpectedNullError,
)
from hal.types import OperandType, OperationType
from runtime import discovery
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.memory_desc import MemoryDesc
from runtime.model import Model
from runtime.remote_memory import RemoteMemory
from tests.runtime.conftest import ReferenceDevice
from tests.runtime.services import patient_service

A = np.array([1, -2, 3], np.float32)


def model(
    operation_type: OperationType = OperationType.RELU,
    dimensions: tuple[int, ...] = (3,),
    operand_type: OperandType = OperandType.TENSOR_FLOAT32,
    scale: float = 0.0,
) -> Model:
    built = Model()
    for _ in range(2):
        built.add_operand(operand_type, dimensions, scale)
    built.add_operation(operation_type, [0], [1])
    built.identify_inputs_and_outputs([0], [1])
    built.finish()
    return built


def compiled(model: Model, *devices: Any) -> Compilation:
    compilation = Compilation(model, list(devices))
    compilation.finish()
    return compilation


def described(*roles: tuple[Compilation, str], dimensions: tuple[int, ...] | None = None) -> Memory:
    """Memory for input or output 0 of compilations."""
    desc = MemoryDesc()
    for compilation, kind in roles:
        (desc.add_input_role if kind == "input" else desc.add_output_role)(compilation, 0, 1.0)
    if dimensions is not None:
        desc.set_dimensions(dimensions)
    desc.finish()
    return Memory.from_desc(desc)


def both(compilation: Compilation, **options: Any) -> Memory:
    """For its input and its output."""
    return described((compilation, "input"), (compilation, "output"), **options)


def is_on_a_device(memory: Memory) -> bool:
    return isinstance(getattr(memory, "_memory", None), RemoteMemory)


@pytest.fixture(scope="module")
def cpu() -> Any:
    return discovery.device("cpu")


@pytest.fixture(scope="module", params=["on a device", "shared"])
def relu(request: pytest.FixtureRequest, cpu: Any) -> Compilation:
    """Of a model that one driver executes; or a plan of this process, so that memory for it is shared."""
    if request.param == "on a device":
        compilation = compiled(model(), cpu)
        assert is_on_a_device(both(compilation))
        return compilation
    compilation = compiled(model(), ReferenceDevice())
    assert not is_on_a_device(both(compilation))
    return compilation


def plain(values: Any = (0, 0, 0)) -> Memory:
    return Memory.from_array(np.array(values, np.float32))


def values(memory: Memory) -> list[float]:
    target = plain()
    Memory.copy(memory, target)
    return target.data.view(np.float32).tolist()


def run(compilation: Compilation, source: Memory | np.ndarray, target: Memory | np.ndarray) -> Execution:
    execution = Execution(compilation)
    if isinstance(source, Memory):
        execution.set_input_from_memory(0, source, 0, 0)
    else:
        execution.set_input(0, source)
    if isinstance(target, Memory):
        execution.set_output_from_memory(0, target, 0, 0)
    else:
        execution.set_output(0, target)
    execution.compute()
    return execution


def test_executions_hand_memory_on(relu: Compilation) -> None:
    first, second = both(relu), both(relu)
    run(relu, A, first)
    assert run(relu, first, second).get_output_operand_dimensions(0) == (3,)
    assert values(second) == [1, 0, 3]
    result = np.zeros(3, np.float32)
    run(relu, second, result)
    assert result.tolist() == [1, 0, 3]


def test_copies_between_all_kinds(relu: Compilation) -> None:
    first, second = both(relu), both(relu)
    Memory.copy(plain([4, 5, -6]), first)
    Memory.copy(first, second)
    Memory.copy(second, second)
    assert values(second) == [4, 5, -6]
    other = plain()
    Memory.copy(plain([7, 8, 9]), other)
    assert values(other) == [7, 8, 9]


def test_memory_without_content(relu: Compilation) -> None:
    memory = both(relu)
    with pytest.raises(OpFailedError, match="no content"):
        run(relu, memory, np.zeros(3, np.float32))
    with pytest.raises(BadDataError, match="no content"):
        Memory.copy(memory, plain())
    with pytest.raises(BadDataError, match="no content"):
        Memory.copy(memory, both(relu))


def test_failures_leave_no_content(relu: Compilation) -> None:
    empty, memory = both(relu), both(relu)
    Memory.copy(plain(A), memory)
    with pytest.raises(OpFailedError):
        run(relu, empty, memory)
    with pytest.raises(BadDataError, match="no content"):
        Memory.copy(memory, plain())
    for source in (plain([1, 2]), empty):
        Memory.copy(plain(A), memory)
        with pytest.raises(BadDataError):
            Memory.copy(source, memory)
        with pytest.raises(OpFailedError, match="no content"):
            run(relu, memory, np.zeros(3, np.float32))
    run(relu, A, memory)
    assert values(memory) == [1, 0, 3]


def test_a_reusable_execution_with_state(cpu: Any) -> None:
    negation = compiled(model(OperationType.NEG), cpu)
    memory = both(negation)
    Memory.copy(plain(A), memory)
    execution = Execution(negation)
    execution.set_input_from_memory(0, memory, 0, 0)
    execution.set_output_from_memory(0, memory, 0, 0)
    execution.set_reusable(True)
    for expected in ([-1, 2, -3], [1, -2, 3], [-1, 2, -3]):
        execution.compute()
        assert values(memory) == expected


def test_a_chain_of_fenced_executions(relu: Compilation) -> None:
    """Content that is there only when the fences have signalled."""
    first, second, third = both(relu), both(relu), both(relu)
    Memory.copy(plain(A), first)
    events: list[Any] = []
    for source, target in ((first, second), (second, third)):
        execution = Execution(relu)
        execution.set_input_from_memory(0, source, 0, 0)
        execution.set_output_from_memory(0, target, 0, 0)
        events.append(execution.start_compute_with_dependencies(events[-1:]))
    events[-1].wait()
    assert values(third) == [1, 0, 3]
    run(relu, third, first)
    execution = Execution(relu)
    execution.set_input_from_memory(0, both(relu), 0, 0)
    execution.set_output_from_memory(0, first, 0, 0)
    with pytest.raises(OpFailedError, match="no content"):
        execution.start_compute_with_dependencies([]).wait()
    with pytest.raises(BadDataError, match="no content"):
        Memory.copy(first, plain())


def test_roles_of_two_compilations_on_one_driver(cpu: Any) -> None:
    relu, negation = compiled(model(), cpu), compiled(model(OperationType.NEG), cpu)
    memory = described((relu, "output"), (negation, "input"))
    assert is_on_a_device(memory)
    result = np.zeros(3, np.float32)
    run(relu, A, memory)
    run(negation, memory, result)
    assert result.tolist() == [-1, 0, -3]


def test_roles_on_two_devices_share_memory(cpu: Any, new_device: Any) -> None:
    relu, negation = compiled(model(), cpu), compiled(model(OperationType.NEG), new_device("other"))
    memory = described((relu, "output"), (negation, "input"))
    assert not is_on_a_device(memory)
    result = np.zeros(3, np.float32)
    run(relu, A, memory)
    run(negation, memory, result)
    assert result.tolist() == [-1, 0, -3]


def test_open_dimensions(cpu: Any, new_device: Any) -> None:
    relu = compiled(model(dimensions=(0,)), cpu)
    memory, other = both(relu), both(relu)
    for size in (2, 5, 1):
        run(relu, np.arange(size, dtype=np.float32), memory)
        Memory.copy(memory, other)
        result = np.zeros(size, np.float32)
        assert run(relu, other, result).get_output_operand_dimensions(0) == (size,)
        assert result.tolist() == list(range(size))
    with pytest.raises(BadDataError, match="unknown size"):
        Memory.copy(plain(A), memory)
    with pytest.raises(OutputInsufficientSizeError):
        run(relu, other, np.zeros(0, np.float32))
    elsewhere = compiled(model(dimensions=(0,)), new_device("elsewhere"))
    with pytest.raises(OpFailedError, match="leave its size open"):
        both(elsewhere)
    assert not is_on_a_device(both(elsewhere, dimensions=(3,)))


def test_memory_goes_with_its_driver() -> None:
    with patient_service() as (service, device):
        relu = compiled(model(dimensions=(1,)), device)
        memory = both(relu)
        service.process.kill()
        with pytest.raises(DeadObjectError):
            run(relu, np.zeros(1, np.float32), memory)
        with pytest.raises(NnapiError):
            Memory.copy(plain([1]), memory)


def test_rules_of_descriptors(relu: Compilation, new_device: Any) -> None:
    desc = MemoryDesc()
    with pytest.raises(BadDataError, match="no role"):
        desc.finish()
    with pytest.raises(BadStateError, match="not finished"):
        Memory.from_desc(desc)
    with pytest.raises(UnexpectedNullError):
        Memory.from_desc(None)  # type: ignore[arg-type]
    for add in (desc.add_input_role, desc.add_output_role):
        with pytest.raises(UnexpectedNullError):
            add(None, 0, 1.0)  # type: ignore[arg-type]
        for index in (1, -1, "x"):
            with pytest.raises(BadDataError, match="there is no"):
                add(relu, index, 1.0)  # type: ignore[arg-type]
        for frequency in (0.0, -1.0, 1.01, float("nan"), "x"):
            with pytest.raises(BadDataError, match="frequency"):
                add(relu, 0, frequency)  # type: ignore[arg-type]
    with pytest.raises(BadDataError, match="not finished"):
        desc.add_input_role(Compilation(model(), [new_device("late")]), 0, 1.0)
    desc.add_input_role(relu, 0, 0.5)
    with pytest.raises(BadDataError, match="is a role of the memory already"):
        desc.add_input_role(relu, 0, 1.0)
    desc.add_output_role(relu, 0, 1.0)
    half = compiled(model(operand_type=OperandType.TENSOR_FLOAT16), new_device("half"))
    longer = compiled(model(dimensions=(4,)), new_device("longer"))
    for other, reason in ((half, "must be the same"), (longer, "dimensions")):
        with pytest.raises(BadDataError, match=reason):
            desc.add_input_role(other, 0, 1.0)
    for dimensions in ((4,), (3, 1), (-1,)):
        with pytest.raises(BadDataError, match="dimensions"):
            desc.set_dimensions(dimensions)
    with pytest.raises(UnexpectedNullError):
        desc.set_dimensions(None)  # type: ignore[arg-type]
    desc.set_dimensions((0,))
    desc.finish()
    for late in (
        desc.finish,
        lambda: desc.set_dimensions((3,)),
        lambda: desc.add_input_role(relu, 0, 1.0),
    ):
        with pytest.raises(BadStateError):
            late()


def test_scales_must_agree(new_device: Any) -> None:
    first, second = (
        compiled(model(operand_type=OperandType.TENSOR_QUANT8_ASYMM, scale=scale), new_device(f"of {scale}"))
        for scale in (0.5, 0.25)
    )
    with pytest.raises(BadDataError, match="scale"):
        described((first, "input"), (second, "input"))
    memories = [both(each) for each in (first, second)]
    with pytest.raises(BadDataError, match="different types, scales"):
        Memory.copy(*memories)


def test_memory_is_used_only_as_described(relu: Compilation, cpu: Any) -> None:
    memory = described((relu, "input"))
    execution = Execution(relu)
    with pytest.raises(BadDataError, match="not described as output 0"):
        execution.set_output_from_memory(0, memory, 0, 0)
    for place in ((0, 12), (4, 0), (4, 8)):
        with pytest.raises(BadDataError, match="both must be 0"):
            execution.set_input_from_memory(0, memory, *place)
    with pytest.raises(BadDataError, match="dimensions"):
        execution.set_input_from_memory(0, memory, 0, 0, (4,))
    execution.set_input_from_memory(0, memory, 0, 0, (3,))
    with pytest.raises(BadDataError, match="not described as input 0"):
        Execution(compiled(model(), cpu)).set_input_from_memory(0, memory, 0, 0)
    with pytest.raises(BadDataError, match="can only be copied"):
        _ = memory.data
    built = Model()
    built.add_operand(OperandType.TENSOR_FLOAT32, [3])
    with pytest.raises(BadDataError, match="constants"):
        built.set_operand_value_from_memory(0, memory, 0, 12)


@pytest.fixture
def read_only() -> Iterator[Memory]:
    fd = os.memfd_create("test")
    os.ftruncate(fd, 12)
    yield Memory.from_fd(12, mmap.PROT_READ, fd)
    os.close(fd)


def test_copies_that_cannot_be(relu: Compilation, read_only: Memory) -> None:
    memory = both(relu)
    Memory.copy(plain(A), memory)
    for source, target, reason in (
        (plain([1, 2]), plain(), "must be equal"),
        (memory, plain([1, 2]), "12|must be equal"),
        (memory, read_only, "reading only"),
        (plain(), read_only, "reading only"),
    ):
        with pytest.raises(BadDataError, match=reason):
            Memory.copy(source, target)
    for arguments in ((None, memory), (memory, None)):
        with pytest.raises(UnexpectedNullError):
            Memory.copy(*arguments)  # type: ignore[arg-type]
    assert values(memory) == A.tolist()


def test_scalars(cpu: Any) -> None:
    built = Model()
    data = built.add_operand(OperandType.TENSOR_FLOAT32, [1])
    value = built.add_operand(OperandType.FLOAT32)
    result = built.add_operand(OperandType.TENSOR_FLOAT32, [0])
    built.add_operation(OperationType.FILL, [built.add_operand(OperandType.TENSOR_INT32, [1]), value], [result])
    built.set_operand_value(3, np.array([2], np.int32))
    built.add_operation(OperationType.RELU, [data], [built.add_operand(OperandType.TENSOR_FLOAT32, [1])])
    built.identify_inputs_and_outputs([data, value], [result, 4])
    built.finish()
    compilation = compiled(built, cpu)
    desc = MemoryDesc()
    desc.add_input_role(compilation, 1, 1.0)
    with pytest.raises(BadDataError, match="has none"):
        desc.set_dimensions((1,))
    desc.set_dimensions(())
    desc.finish()
    memory = Memory.from_desc(desc)
    Memory.copy(Memory.from_array(np.array([2.5], np.float32)), memory)
    execution = Execution(compilation)
    execution.set_input(0, np.zeros(1, np.float32))
    execution.set_input_from_memory(1, memory, 0, 0)
    filled = np.zeros(2, np.float32)
    execution.set_output(0, filled)
    execution.set_output(1, np.zeros(1, np.float32))
    execution.compute()
    assert filled.tolist() == [2.5, 2.5]
