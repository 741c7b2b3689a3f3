"""The interfaces that a driver implements, and what passes through them.

The runtime sees a driver through the same interfaces: its side of the wire implements them with
calls (``runtime.remote``), the driver's side (``drivers.sdk``) calls an implementation of them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hal.errors import BadDataError, OpFailedError
from hal.fence import Fence, FenceState
from hal.memory import ALIGNMENT
from hal.model import Dimensions, Location, Model
from hal.types import DeviceType, FeatureLevel, OperandType, PreferenceCode, Priority

Bytes = NDArray[np.uint8]

DRIVER_GROUP = "nnhal.drivers"
"""The entry-point group that packages register their drivers in."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device is. ``name`` is unique on a machine, ``version`` the driver's own.

    ``extensions``: names of the vendor extensions that it knows. ``memory_alignment``,
    ``memory_padding``: powers of two, in bytes; where inputs and outputs that start at multiples of
    the one and whose size is rounded up to multiples of the other need not be copied.
    ``model_cache_files``, ``data_cache_files``: how many files the device keeps a prepared model in;
    0 and 0: it does not.
    """

    name: str
    version: str
    type: DeviceType
    feature_level: FeatureLevel
    extensions: tuple[str, ...] = ()
    memory_alignment: int = ALIGNMENT
    memory_padding: int = 1
    model_cache_files: int = 0
    data_cache_files: int = 0


@dataclass(frozen=True, slots=True)
class Performance:
    """Time and energy of typical work, as ratios to the CPU reference device: lower is better."""

    exec_time: float
    power_usage: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What work takes on a device: its own estimate."""

    seconds: float
    joules: float


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a device takes an operation.

    ``refusal``: why it does not, in words that say what would be right; empty: it takes it. ``cost``:
    what the operation would take by itself, None where the device does not know.
    """

    refusal: str = ""
    cost: Cost | None = None

    @property
    def supported(self) -> bool:
        """Whether the device takes the operation."""
        return not self.refusal


@dataclass(frozen=True, slots=True)
class Transfer:
    """Moving a tensor between the host's memory and a device: a fixed part in seconds, and a rate."""

    seconds: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a device promises: for each operand type, for relaxed float32, and for control flow.

    ``transfer``: between the host's memory and the device. ``launch``: beginning an execution and hearing
    of its end, beside what its operations take. None where it is not known.
    """

    operand_performance: Mapping[OperandType, Performance]
    relaxed_scalar: Performance
    relaxed_tensor: Performance
    if_: Performance
    while_: Performance
    transfer: Transfer | None = None
    launch: Cost | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """Files that a prepared model is kept in, open for reading and writing, at their beginning.

    ``token``: 32 bytes that stand for the model and how it was prepared.
    """

    token: bytes
    model_files: tuple[BinaryIO, ...]
    data_files: tuple[BinaryIO, ...]


LONGEST_DURATION = 10 * 366 * 24 * 3600.0
"""Seconds that a timeout counts for at most, ten years: an application may give more than clocks and locks can hold."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a vendor's extension has applications say of a compilation or an execution, in bytes of the vendor's.

    ``code``: which attribute of the extension, from 0 to 65535. A device passes over those that it does not
    know; none may change what is right as a result.
    """

    extension: str
    code: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How to prepare a model.

    ``timeout``: seconds that it may take, None for any. ``cache``: files to keep it in, if any.
    ``attributes``: what the application says beside, of vendors' extensions.
    """

    preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    priority: Priority = Priority.DEFAULT
    timeout: float | None = None
    cache: Cache | None = None
    attributes: tuple[Attribute, ...] = ()


Progress = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One input or output of a request.

    ``data``: its bytes (1-D uint8; writable for an output), None for an omitted one. ``location``:
    where in shared memory these bytes are, if they are. ``dimensions``: those of this request, where
    the model leaves them open; ``()`` for the model's own. ``memory``: in place of ``data`` and
    ``location``, memory on the device; only on the application's side, since ``drivers.sdk`` gives a
    device the bytes.
    """

    data: Bytes | None
    location: Location | None = None
    dimensions: Dimensions = ()
    memory: DeviceMemory | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One execution's inputs and outputs, in the order of the model's.

    ``measure``: whether to report durations. ``trace``: whether to report what happened when.
    ``timeout``: seconds that the execution may take, None
    for any; ``loop_timeout``: the same for each WHILE in it. ``attributes``: as for ``PrepareOptions``.
    """

    inputs: Sequence[Argument]
    outputs: Sequence[Argument]
    measure: bool = False
    timeout: float | None = None
    loop_timeout: float | None = None
    trace: bool = False
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of an execution in nanoseconds, and its energy in nanojoules; None where the device does not know."""

    on_hardware: int | None = None
    in_driver: int | None = None
    energy: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Something that a part of a device did during an execution.

    ``track``: which part, for example "dma". ``start``: nanoseconds from the request's arrival at
    the driver; ``duration``: nanoseconds. ``operation``: the one of the main subgraph that it was for.
    """

    track: str
    name: str
    start: int
    duration: int
    operation: int | None = None


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The dimensions of each output, in order, how long the execution took, and what happened when.

    ``computing``: nanoseconds that passed while the device computed, real ones also where ``timing`` is
    simulated; None where a driver does not tell. ``in_burst``: whether a burst of the driver's has brought it.
    """

    output_dimensions: tuple[Dimensions, ...]
    timing: Timing = field(default=Timing())
    spans: tuple[Span, ...] = ()
    computing: int | None = None
    in_burst: bool = False


class PreparedModel(ABC):
    """A model that a device has made ready to execute. Safe to use from several threads."""

    @property
    def cost(self) -> Cost | None:
        """What one execution is expected to take; None where the device does not know."""
        return None

    @property
    def model(self) -> Model | None:
        """The model, as requests are checked against it, of what was prepared from a cache on a driver's side."""
        return None

    @abstractmethod
    def execute(self, request: Request) -> ExecutionResult:
        """Compute the outputs into their places.

        Raises ``OutputInsufficientSizeError`` with the needed dimensions when an output does not
        fit, ``BadDataError`` when the request does not match the model, and other ``NnapiError``.
        """

    def execute_fenced(
        self, request: Request, wait_for: Sequence[Fence], fence: Fence, duration: float | None = None
    ) -> ExecutionResult:
        """Execute once every fence of ``wait_for`` has signalled, then have ``fence`` signal how that ended.

        ``duration``: seconds that the execution may take from when all have signalled; the request's
        timeout counts from this call. Raises what ``execute`` raises, and ``OpFailedError`` when a
        fence says that what it stands for has failed. Here this process waits; what reaches a driver
        has the driver wait.
        """
        try:
            deadline = None if request.timeout is None else time.monotonic() + request.timeout
            for each in wait_for:
                each.wait(deadline)
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            limits = [limit for limit in (left, duration) if limit is not None]
            result = self.execute(replace(request, timeout=min(limits, default=None)))
        except BaseException:
            fence.signal(FenceState.FAILED)
            raise
        fence.signal(FenceState.DONE)
        return result

    def open_burst(self) -> Burst:
        """Begin many executions, one after the other; by default they are ordinary ones."""
        return OrdinaryBurst(self)

    @abstractmethod
    def close(self) -> None:
        """Give back what the prepared model holds on its device. May be called again."""


class Burst(ABC):
    """Many executions of a prepared model, one after the other, as fast as they can be.

    A device may take it as a hint that they are coming. Not for several threads at once.
    """

    @abstractmethod
    def execute(self, request: Request) -> ExecutionResult:
        """The same as ``PreparedModel.execute``."""

    @abstractmethod
    def close(self) -> None:
        """There are no more. May be called again, and while another thread is in ``execute``."""


class OrdinaryBurst(Burst):
    """Ordinary executions, for a device that has nothing faster."""

    def __init__(self, prepared: PreparedModel) -> None:
        self._prepared = prepared

    def execute(self, request: Request) -> ExecutionResult:
        """See ``Burst``."""
        return self._prepared.execute(request)

    def close(self) -> None:
        """Nothing is to be given back."""


@dataclass(frozen=True, slots=True)
class Role:
    """What memory on a device is to be used for: an input or output of a prepared model, by its position."""

    prepared: PreparedModel
    index: int


class DeviceMemory(ABC):
    """Memory on a device, for inputs and outputs of its prepared models.

    It has no content until an execution or a copy into it has succeeded, and none after one has failed.
    """

    @property
    @abstractmethod
    def token(self) -> int:
        """What requests name it by."""

    @abstractmethod
    def copy_from(self, source: Argument) -> None:
        """Fill it from bytes of this process, whose dimensions are ``source.dimensions``."""

    @abstractmethod
    def copy_to(self, target: Argument) -> Dimensions:
        """Copy its content out; returns the content's dimensions. ``BadDataError`` when it has none."""

    @abstractmethod
    def content(self) -> tuple[Bytes, Dimensions]:
        """The same into new memory, for a content of unknown size."""

    @abstractmethod
    def close(self) -> None:
        """Give it back. May be called again."""


class Device(ABC):
    """One accelerator, or the CPU. Safe to use from several threads."""

    @property
    def slots(self) -> int:
        """How many executions it computes at once; a driver has the others wait, the most urgent first."""
        return 1

    def allocate(self, dimensions: Dimensions, inputs: Sequence[Role], outputs: Sequence[Role]) -> DeviceMemory:
        """Memory on the device that can play these roles, with dimensions as far as they are known.

        Raises ``OpFailedError`` where the device has none to give. A device behind ``drivers.sdk`` need
        not do this: its memory is that of its driver's process.
        """
        raise OpFailedError(f"the device '{self.info.name}' has no memory of its own")

    @property
    @abstractmethod
    def info(self) -> DeviceInfo:
        """What the device is."""

    def extension_support(self, name: str) -> bool:
        """Whether the device knows the vendor extension called ``name``."""
        return name in self.info.extensions

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What it promises."""

    @abstractmethod
    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """For each operation of the main subgraph, whether the device takes it, and at what cost."""

    @abstractmethod
    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Make ``model`` ready to execute; ``progress`` may be called meanwhile.

        Raises ``BadDataError`` for a model that breaks NNAPI's rules or that the device does not
        support, ``MissedDeadlinePersistentError`` past ``options.timeout``, and other ``NnapiError``.
        """

    def prepare_from_cache(self, cache: Cache, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Make ready the model that ``prepare_model`` has left in ``cache``, with the same options.

        Raises ``BadDataError`` when the files are damaged, or are not of this driver and token.
        """
        raise BadDataError(f"the device '{self.info.name}' keeps no prepared models")
