"""``ANeuralNetworksExecution_...``: executing compiled models."""

from __future__ import annotations

from hal.errors import BadDataError, BadStateError, OutputInsufficientSizeError
from hal.types import DurationCode
from runtime.c_api.boundary import implements
from runtime.c_api.c_data import C, dimensions, instances, raw_bytes, seconds
from runtime.event import Event
from runtime.execution import Execution
from runtime.memory import Memory

_UNKNOWN = 2**64 - 1
"""Nanoseconds of what was not measured."""

_DURATIONS = frozenset(DurationCode)

implements("ANeuralNetworksExecution_create")(Execution)
implements("ANeuralNetworksExecution_setMeasureTiming")(Execution.set_measure_timing)
implements("ANeuralNetworksExecution_setReusable")(Execution.set_reusable)
implements("ANeuralNetworksExecution_enableInputAndOutputPadding")(Execution.enable_input_and_output_padding)
implements("ANeuralNetworksExecution_compute")(Execution.compute)
implements("ANeuralNetworksExecution_burstCompute")(Execution.burst_compute)
implements("ANeuralNetworksExecution_startCompute")(Execution.start_compute)


@implements("ANeuralNetworksExecution_free")
def _free(execution: Execution) -> None:
    if execution.is_computing:
        raise BadStateError("the execution is computing; it is not freed")


@implements("ANeuralNetworksExecution_setInput")
def _set_input(execution: Execution, index: int, type: C, buffer: C, length: int) -> None:
    execution.set_input(index, raw_bytes(buffer, length, "buffer"), _dimensions(type))


@implements("ANeuralNetworksExecution_setInputFromMemory")
def _set_input_from_memory(execution: Execution, index: int, type: C, memory: Memory, offset: int, length: int) -> None:
    execution.set_input_from_memory(index, memory, offset, length, _dimensions(type))


@implements("ANeuralNetworksExecution_setOutput")
def _set_output(execution: Execution, index: int, type: C, buffer: C, length: int) -> None:
    execution.set_output(index, raw_bytes(buffer, length, "buffer"), _dimensions(type))


@implements("ANeuralNetworksExecution_setOutputFromMemory")
def _set_output_from_memory(
    execution: Execution, index: int, type: C, memory: Memory, offset: int, length: int
) -> None:
    execution.set_output_from_memory(index, memory, offset, length, _dimensions(type))


@implements("ANeuralNetworksExecution_setTimeout")
def _set_timeout(execution: Execution, duration: int) -> None:
    execution.set_timeout(seconds(duration))


@implements("ANeuralNetworksExecution_setLoopTimeout")
def _set_loop_timeout(execution: Execution, duration: int) -> None:
    execution.set_loop_timeout(seconds(duration))


@implements("ANeuralNetworksExecution_startComputeWithDependencies")
def _start_compute_with_dependencies(execution: Execution, dependencies: C, count: int, duration: int) -> Event:
    events = instances("Event", dependencies, count, "dependencies")
    return execution.start_compute_with_dependencies(events, seconds(duration))


@implements("ANeuralNetworksExecution_getOutputOperandRank")
def _get_output_operand_rank(execution: Execution, index: int, rank: C) -> None:
    rank[0] = execution.get_output_operand_rank(index)
    _require_room(execution, index)


@implements("ANeuralNetworksExecution_getOutputOperandDimensions")
def _get_output_operand_dimensions(execution: Execution, index: int, result: C) -> None:
    found = execution.get_output_operand_dimensions(index)
    result[0 : len(found)] = found
    _require_room(execution, index)


@implements("ANeuralNetworksExecution_getDuration")
def _get_duration(execution: Execution, code: int) -> int:
    if code not in _DURATIONS:
        raise BadDataError(f"there is no duration {code}")
    duration = execution.get_duration(DurationCode(code))
    return _UNKNOWN if duration is None else duration


def _require_room(execution: Execution, index: int) -> None:
    """What an output needs is told also where it did not fit, but by this result code."""
    if not execution.is_output_sufficient(index):
        raise OutputInsufficientSizeError(f"output {index} did not fit where it should go")


def _dimensions(type: C) -> list[int] | None:
    """Those that an operand type gives, if one is given."""
    return dimensions(type) if type else None
