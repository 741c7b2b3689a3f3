"""One record for each compilation and each execution, for an application that watches over many."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from hal.device import Cost, Device, PrepareOptions
from hal.errors import BadDataError, NnapiError
from hal.model import CONSTANT_LIFETIMES, Lifetime, Model, Operand, is_extension, is_fully_specified, is_tensor
from hal.operations.control_flow import CONTROL_FLOW
from hal.types import OperandType, PreferenceCode, Priority, ResultCode
from runtime.plan import Step
from runtime.report import ExecutionReport

if TYPE_CHECKING:
    from runtime.running import Running

_log = logging.getLogger(__name__)


class DataClass(Enum):
    """What the inputs, or the outputs, of a model are. Integers and booleans do not count beside others."""

    UNKNOWN = "unknown"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    QUANT = "quantized"
    OTHER = "other"
    MIXED = "mixed"


class Mode(Enum):
    """The way in which an execution was asked for."""

    SYNC = "sync"
    ASYNC = "async"
    FENCED = "fenced"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model without its data.

    ``hash``: SHA-256 (hexadecimal) of its structure: types, dimensions, quantisation, operations; no
    constant's value. Models that differ only in weights have the same. ``constant_bytes``: of all its
    constants. ``control_flow``: whether it has IF or WHILE; ``dynamic``: whether dimensions of what it
    computes are open until an execution.
    """

    hash: str
    operations: int
    constant_bytes: int
    input_class: DataClass
    output_class: DataClass
    control_flow: bool
    dynamic: bool


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A part of a model on one device: of how many operations, and what they are estimated to take."""

    device: str
    operations: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class CompilationRecord:
    """A compilation that has ended, well or not.

    ``devices``: those that might have been used. ``steps``: what the model became, nothing if it failed.
    ``seconds``: of the wall clock. ``caching``: whether the compilation was to be kept, or taken, from files.
    """

    model: ModelSummary
    devices: tuple[str, ...]
    preference: PreferenceCode
    priority: Priority
    caching: bool
    steps: tuple[PlannedStep, ...]
    seconds: float
    result: ResultCode


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """An execution that has ended, well or not.

    ``report``: its steps, what each took by its device's own account and by the wall clock, and what
    failed on the way.
    """

    model: ModelSummary
    mode: Mode
    report: ExecutionReport
    result: ResultCode


Record: TypeAlias = "CompilationRecord | ExecutionRecord"
Callback: TypeAlias = "Callable[[Record], None]"

_callback: Callback | None = None


def set_telemetry(callback: Callback | None) -> None:
    """Have ``callback`` called with a record of each compilation and each execution from now on; None ends it.

    It is called on the thread that did the work, before its caller goes on, so it must be quick and
    ready for several threads at once. What it raises is logged and goes no further.
    """
    global _callback
    if callback is not None and not callable(callback):
        raise BadDataError(f"the telemetry callback is {callback!r}; it must be a function of one record, or None")
    _callback = callback


def wanted() -> bool:
    """Whether anybody wants records: making one costs something."""
    return _callback is not None


@contextmanager
def compiling(
    model: Model, devices: Iterable[Device], options: PrepareOptions, *, caching: bool
) -> Iterator[list[Step]]:
    """Record the compilation that is done within; who does it appends the plan's steps to what is given."""
    if not wanted():
        yield []
        return
    start = time.perf_counter()
    steps: list[Step] = []
    code = ResultCode.NO_ERROR
    try:
        yield steps
    except BaseException as error:
        code, steps = _code(error), []
        raise
    finally:
        _publish(
            CompilationRecord(
                summary(model),
                tuple(map(_name, devices)),
                options.preference,
                options.priority,
                caching,
                tuple(PlannedStep(step.name, len(step.operations), step.cost) for step in steps),
                time.perf_counter() - start,
                code,
            )
        )


@contextmanager
def executing(model: Callable[[], ModelSummary], running: Running) -> Iterator[None]:
    """Record the execution that is done within; ``running`` is what happens meanwhile."""
    if not wanted():
        yield
        return
    code = ResultCode.NO_ERROR
    try:
        yield
    except BaseException as error:
        code = _code(error)
        raise
    finally:
        _publish(ExecutionRecord(model(), running.mode, running.report(), code))


def _code(error: BaseException) -> ResultCode:
    return error.code if isinstance(error, NnapiError) else ResultCode.OP_FAILED


def _name(device: Device) -> str:
    try:
        return device.info.name
    except NnapiError as error:
        return f"({error})"


def _publish(record: Record) -> None:
    callback = _callback
    if callback is None:  # since a moment ago
        return
    try:
        callback(record)
    except Exception:  # noqa: BLE001  the application's own code must not break its executions
        _log.exception("the telemetry callback failed")


def summary(model: Model) -> ModelSummary:
    """A finished model's summary."""
    main = model.main
    subgraphs = (main, *model.referenced)
    operands = [operand for subgraph in subgraphs for operand in subgraph.operands]
    types = {operation.type for subgraph in subgraphs for operation in subgraph.operations}
    return ModelSummary(
        _hash(model),
        len(main.operations),
        sum(operand.value.nbytes for operand in operands if operand.value is not None),
        data_class(main.operands[index] for index in main.inputs),
        data_class(main.operands[index] for index in main.outputs),
        not types.isdisjoint(CONTROL_FLOW),
        any(map(_is_open, operands)),
    )


def data_class(operands: Iterable[Operand]) -> DataClass:
    """The class of all of ``operands`` together."""
    classes = {_class_of(operand.type) for operand in operands} - {DataClass.UNKNOWN}
    if len(classes) > 1:
        return DataClass.MIXED
    return classes.pop() if classes else DataClass.UNKNOWN


def _class_of(operand_type: OperandType | int) -> DataClass:
    if is_extension(operand_type):
        return DataClass.OTHER
    known = OperandType(operand_type)
    if known in (OperandType.FLOAT32, OperandType.TENSOR_FLOAT32):
        return DataClass.FLOAT32
    if known in (OperandType.FLOAT16, OperandType.TENSOR_FLOAT16):
        return DataClass.FLOAT16
    if known.has_scale or known is OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL:
        return DataClass.QUANT
    return DataClass.UNKNOWN


def _is_open(operand: Operand) -> bool:
    written = operand.lifetime in (Lifetime.TEMPORARY_VARIABLE, Lifetime.SUBGRAPH_OUTPUT)
    return written and is_tensor(operand) and not is_fully_specified(operand.dimensions)


def _hash(model: Model) -> str:
    def name(code: int) -> object:
        """A type by what it is called: an extension's number differs between processes."""
        return model.extension_type(code) or int(code)

    digest = hashlib.sha256(repr(model.relaxed).encode())
    for subgraph in (model.main, *model.referenced):
        for operand in subgraph.operands:
            constant = operand.lifetime in CONSTANT_LIFETIMES  # wherever it is kept
            lifetime = None if constant else int(operand.lifetime)
            facts = (operand.dimensions, operand.scale, operand.zero_point, operand.per_channel, operand.subgraph)
            digest.update(repr((name(operand.type), lifetime, *facts, operand.extension_data)).encode())
        for operation in subgraph.operations:
            digest.update(repr((name(operation.type), operation.inputs, operation.outputs)).encode())
        digest.update(repr((subgraph.inputs, subgraph.outputs)).encode())
    return digest.hexdigest()
