"""What devices prefer of memory, and arguments with room to spare."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hal.errors import BadDataError, BadStateError
from hal.types import OperandType, OperationType
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model

A = np.arange(6, dtype=np.float32).reshape(2, 3)

QUERIES = [f"preferred_memory_{what}_for_{kind}" for what in ("alignment", "padding") for kind in ("input", "output")]


@pytest.fixture
def compilation(add_model: Any, device: Any) -> Compilation:
    compilation = Compilation(add_model(), [device])
    compilation.finish()
    return compilation


def preferring(device: Any, alignment: int, padding: int) -> Any:
    """The device, with preferences."""

    class Preferring(type(device)):  # type: ignore[misc]
        """Of another mind."""

        @property
        def info(self) -> Any:
            return replace(super().info, memory_alignment=alignment, memory_padding=padding)

    device.__class__ = Preferring
    return device


def test_the_device_s_preferences(add_model: Any, device: Any) -> None:
    compilation = Compilation(add_model(), [preferring(device, 128, 16)])
    for query in QUERIES:
        with pytest.raises(BadStateError):
            getattr(compilation, query)(0)
    compilation.finish()
    assert [getattr(compilation, query)(0) for query in QUERIES] == [128, 128, 16, 16]
    assert compilation.preferred_memory_padding_for_input(1) == 16
    for query in QUERIES:
        for index in (2, -1, "0"):
            with pytest.raises(BadDataError, match="there is no"):
                getattr(compilation, query)(index)


def test_who_uses_an_argument_decides(new_device: Any) -> None:
    near, far = preferring(new_device("near"), 8, 4), preferring(new_device("far"), 32, 2)
    near.takes(OperationType.RELU)
    far.takes(OperationType.NEG)
    model = Model()
    for _ in range(4):
        model.add_operand(OperandType.TENSOR_FLOAT32, [2])
    model.add_operation(OperationType.RELU, [0], [2])
    model.add_operation(OperationType.NEG, [1], [3])
    model.identify_inputs_and_outputs([0, 1], [2, 3])
    model.finish()
    compilation = Compilation(model, [near, far])
    compilation.finish()
    assert [compilation.preferred_memory_alignment_for_input(index) for index in (0, 1)] == [8, 32]
    assert [compilation.preferred_memory_padding_for_output(index) for index in (0, 1)] == [4, 2]


def padded(array: np.ndarray, more: int) -> np.ndarray:
    """The array's elements, and room for some after them."""
    return np.concatenate([array.reshape(-1), np.full(more, 77, array.dtype)])


@pytest.mark.parametrize("kind", ["arrays", "memories"])
def test_more_room_than_needed(compilation: Compilation, kind: str) -> None:
    given, output = padded(A, 2), padded(np.zeros_like(A), 3)
    execution = Execution(compilation)
    execution.enable_input_and_output_padding(True)
    if kind == "arrays":
        execution.set_input(0, given)
        execution.set_input(1, A)
        execution.set_output(0, output)
        execution.compute()
    else:
        source, target = Memory.from_array(given), Memory.from_array(output)
        execution.set_input_from_memory(0, source, 0, 32)
        execution.set_input_from_memory(1, source, 0, 24)
        execution.set_output_from_memory(0, target, 0, 36)
        execution.compute()
        output = target.data.view(np.float32)
    assert output.tolist() == [*(2 * A.reshape(-1)).tolist(), 77, 77, 77]
    assert execution.get_output_operand_dimensions(0) == (2, 3)


def test_less_room_than_needed_is_refused(compilation: Compilation) -> None:
    execution = Execution(compilation)
    execution.enable_input_and_output_padding(True)
    with pytest.raises(BadDataError, match="needs 24"):
        execution.set_input(0, padded(A, 0)[:5])
    with pytest.raises(BadDataError, match="needs 24"):
        execution.set_output(0, padded(A, 0)[:5])


@pytest.mark.parametrize("enabled", [None, False])
def test_without_padding_sizes_must_be_exact(compilation: Compilation, enabled: bool | None) -> None:
    execution = Execution(compilation)
    if enabled is not None:
        execution.enable_input_and_output_padding(True)
        execution.enable_input_and_output_padding(enabled)
    with pytest.raises(BadDataError, match="needs 24"):
        execution.set_input(0, padded(A, 2))
    with pytest.raises(BadDataError, match="needs 24"):
        execution.set_output(0, padded(A, 2))


def test_dimensions_of_this_request(add_model: Any, device: Any) -> None:
    compilation = Compilation(add_model((0, 3)), [device])
    compilation.finish()
    execution = Execution(compilation)
    execution.enable_input_and_output_padding(True)
    for index in range(2):
        execution.set_input(index, padded(A, 6), (2, 3))
    output = np.zeros(20, np.float32)
    execution.set_output(0, output, (2, 3))
    execution.compute()
    assert execution.get_output_operand_dimensions(0) == (2, 3)
    assert output[:6].tolist() == (2 * A.reshape(-1)).tolist()


def test_it_is_decided_first(compilation: Compilation) -> None:
    execution = Execution(compilation)
    execution.set_input(0, A)
    with pytest.raises(BadStateError, match="before"):
        execution.enable_input_and_output_padding(True)
    execution.set_input(1, A)
    execution.set_output(0, np.zeros_like(A))
    execution.compute()
    with pytest.raises(BadStateError):
        execution.enable_input_and_output_padding(False)
