"""The interfaces that a driver implements, and what passes through them.

The runtime sees a driver through the same interfaces: its side of the wire implements them with
calls (``runtime.remote``), the driver's side (``drivers.sdk``) calls an implementation of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hal.model import Dimensions, Location, Model
from hal.types import DeviceType, FeatureLevel, OperandType, PreferenceCode, Priority

Bytes = NDArray[np.uint8]

DRIVER_GROUP = "nnhal.drivers"
"""The entry-point group that packages register their drivers in."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device is. ``name`` is unique on a machine, ``version`` the driver's own."""

    name: str
    version: str
    type: DeviceType
    feature_level: FeatureLevel
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Performance:
    """Time and energy of typical work, as ratios to the CPU reference device: lower is better."""

    exec_time: float
    power_usage: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a device promises: for each operand type, for relaxed float32, and for control flow."""

    operand_performance: Mapping[OperandType, Performance]
    relaxed_scalar: Performance
    relaxed_tensor: Performance
    if_: Performance
    while_: Performance


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How to prepare a model. ``timeout``: seconds that it may take, None for any."""

    preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    priority: Priority = Priority.DEFAULT
    timeout: float | None = None


Progress = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One input or output of a request.

    ``data``: its bytes (1-D uint8; writable for an output), None for an omitted one. ``location``:
    where in shared memory these bytes are, if they are. ``dimensions``: those of this request, where
    the model leaves them open; ``()`` for the model's own.
    """

    data: Bytes | None
    location: Location | None = None
    dimensions: Dimensions = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One execution's inputs and outputs, in the order of the model's.

    ``measure``: whether to report durations. ``timeout``: seconds that the execution may take, None
    for any; ``loop_timeout``: the same for each WHILE in it.
    """

    inputs: Sequence[Argument]
    outputs: Sequence[Argument]
    measure: bool = False
    timeout: float | None = None
    loop_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of an execution in nanoseconds; None where the device does not know."""

    on_hardware: int | None = None
    in_driver: int | None = None


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The dimensions of each output, in order, and how long the execution took."""

    output_dimensions: tuple[Dimensions, ...]
    timing: Timing = field(default=Timing())


class PreparedModel(ABC):
    """A model that a device has made ready to execute. Safe to use from several threads."""

    @abstractmethod
    def execute(self, request: Request) -> ExecutionResult:
        """Compute the outputs into their places.

        Raises ``OutputInsufficientSizeError`` with the needed dimensions when an output does not
        fit, ``BadDataError`` when the request does not match the model, and other ``NnapiError``.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what the prepared model holds on its device. May be called again."""


class Device(ABC):
    """One accelerator, or the CPU. Safe to use from several threads."""

    @property
    @abstractmethod
    def info(self) -> DeviceInfo:
        """What the device is."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What it promises."""

    @abstractmethod
    def supported_operations(self, model: Model) -> list[bool]:
        """For each operation of the main subgraph, whether the device takes it."""

    @abstractmethod
    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Make ``model`` ready to execute; ``progress`` may be called meanwhile.

        Raises ``BadDataError`` for a model that breaks NNAPI's rules or that the device does not
        support, ``MissedDeadlinePersistentError`` past ``options.timeout``, and other ``NnapiError``.
        """
