"""Hardware descriptions: TOML files, read into dataclasses.

A device's description is a dataclass that extends ``Description`` by a section of its own. Every
figure's unit ends its key: ``clock_hz``, ``bytes_per_second``, ``picojoules_per_byte``.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, cast

from drivers.sdk.descriptions import SUFFIX, file_text, shipped_text, table_of
from hal.errors import BadDataError
from hal.faults import Fault

T = TypeVar("T")

_WORDS: Mapping[type, str] = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}


def quantity(minimum: float = 0.0, maximum: float = sys.float_info.max) -> Any:
    """A dataclass field whose number must lie between these bounds, both included; by default, any that is finite."""
    return dataclasses.field(metadata={"minimum": minimum, "maximum": maximum})


def positive(maximum: float = sys.float_info.max) -> Any:
    """A dataclass field whose number must be above 0."""
    return quantity(math.ulp(0.0), maximum)


@dataclass(frozen=True, slots=True)
class DeviceSection:
    """``[device]``: what is described.

    ``driver``: the registered driver that simulates it. ``part``: the real part that the figures
    follow. ``realtime``: whether executions really take their simulated time.
    """

    driver: str
    part: str
    realtime: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """``[[power.levels]]``: a frequency level of the device, and the supply voltage that it needs."""

    clock_hz: float = positive()
    volts: float = positive(maximum=10)


@dataclass(frozen=True, slots=True)
class Power:
    """``[power]``: static power, frequency levels (slowest first) and how the device heats up.

    A first-order thermal model: at constant power P the temperature approaches
    ``ambient_celsius + kelvin_per_watt * P`` with the time constant ``heat_seconds``. From
    ``limit_celsius`` on the device lowers its clock, one level at a time, until it has cooled to
    ``resume_celsius``.
    """

    levels: tuple[Level, ...]
    static_watts: float = quantity()
    ambient_celsius: float = quantity(-100, 200)
    limit_celsius: float = quantity(-100, 200)
    resume_celsius: float = quantity(-100, 200)
    kelvin_per_watt: float = quantity()
    heat_seconds: float = positive()


@dataclass(frozen=True, slots=True)
class Energy:
    """``[energy]``: dynamic energy of one operation, at a supply of ``volts``; it grows with the voltage squared.

    Devices add the multiply-accumulates that they have, by type: ``mac_int8_picojoules``, ....
    """

    volts: float = positive(maximum=10)
    scalar_picojoules: float = quantity()

    def factor(self, level: Level) -> float:
        """What dynamic energy on the chip is multiplied by at ``level``."""
        return (level.volts / self.volts) ** 2


@dataclass(frozen=True, slots=True)
class OnChipMemory:
    """A memory on the chip: it follows the device's clock and its voltage."""

    capacity_bytes: int = positive()
    bytes_per_cycle: float = positive()
    picojoules_per_byte: float = quantity()


@dataclass(frozen=True, slots=True)
class ExternalMemory:
    """Memory off the chip: its rate and energy don't depend on the device's level."""

    bytes_per_second: float = positive()
    picojoules_per_byte: float = quantity()


@dataclass(frozen=True, slots=True)
class Host:
    """``[host]``: between application and device.

    ``launch_seconds``: to hand an execution to the hardware and hear of its end, once for each
    execution. ``transfer_seconds`` and ``bytes_per_second``: to move one tensor in or out; 0 and
    inf where the device works in the host's memory.
    """

    launch_seconds: float = quantity()
    transfer_seconds: float = quantity()
    bytes_per_second: float = positive(maximum=math.inf)
    picojoules_per_byte: float = quantity()


@dataclass(frozen=True, kw_only=True)
class Description:
    """What all devices' descriptions have; a device extends it by its own section, and narrows ``energy``."""

    device: DeviceSection
    power: Power
    energy: Energy
    host: Host
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        """Check what spans fields."""
        clocks = [level.clock_hz for level in self.power.levels]
        if not clocks or any(first >= second for first, second in itertools.pairwise(clocks)):
            raise ValueError("power.levels must hold at least one level, in ascending order of clock_hz")
        power = self.power
        if not power.ambient_celsius <= power.resume_celsius <= power.limit_celsius:
            raise ValueError("power must have ambient_celsius <= resume_celsius <= limit_celsius")


D = TypeVar("D", bound=Description)


def describe(package: str, description: Path | str | None, kind: type[D], default: str) -> tuple[str, D]:
    """A device's description: its TOML text, and what it says.

    ``package``: the device's folder, ``"drivers.npu"``; ``description``: a file, whose name ends in
    ``.toml``, the name of a variant in the ``descriptions`` folder, or None for the variant
    ``default``. Raises ``BadDataError`` when there is no such, or when it is not right.
    """
    chosen = default if description is None else str(description)
    if chosen.endswith(SUFFIX):
        text = file_text(chosen)
        return text, parse(text, kind, chosen)
    text = shipped_text(package, chosen)
    return text, parse(text, kind, f"{package.rpartition('.')[2]}/{chosen}")


def parse(text: str, kind: type[T], source: str) -> T:
    """What a TOML text says; ``BadDataError`` names ``source``, the key, and what would be right."""
    try:
        return cast("T", _value(table_of(text, source), kind, "", {}))
    except ValueError as error:
        raise BadDataError(f"{source}: {error}") from None


def _value(value: Any, kind: Any, key: str, metadata: Mapping[str, Any]) -> Any:
    """``value`` as a ``kind``; ``ValueError`` says at which ``key`` it is none."""
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _value(value, next(each for each in parameters if each is not types.NoneType), key, metadata)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{key} must be an array")
        return tuple(_value(each, parameters[0], f"{key}[{index}]", metadata) for index, each in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return _section(value, kind, key)
    if issubclass(kind, Enum):
        known = [each.value for each in kind]
        if value not in known:
            raise ValueError(f"{key} is {value!r}; it must be one of {', '.join(known)}")
        return kind(value)
    if kind in (int, float):
        return _number(value, kind, key, metadata)
    if not isinstance(value, kind):
        raise ValueError(f"{key} is {value!r}; it must be {_WORDS[kind]}")
    return value


def _section(value: Any, kind: Any, key: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{key} must be a table")
    hints = typing.get_type_hints(kind)
    fields = {each.name: each for each in dataclasses.fields(kind)}
    where = f"{key}." if key else ""
    for name in value:
        if name not in fields:
            close = difflib.get_close_matches(name, fields, 1)
            right = f"did you mean {where}{close[0]}?" if close else f"known here: {', '.join(fields)}"
            raise ValueError(f"{where}{name} is unknown; {right}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise ValueError(f"{where}{name} is missing")
    given = {name: _value(each, hints[name], f"{where}{name}", fields[name].metadata) for name, each in value.items()}
    try:
        return kind(**given)
    except ValueError as error:
        raise ValueError(f"{key}: {error}" if key else str(error)) from None


def _number(value: Any, kind: type[int] | type[float], key: str, metadata: Mapping[str, Any]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, kind)) or value != value:
        raise ValueError(f"{key} is {value!r}; it must be {_WORDS[kind]}")
    minimum, maximum = metadata.get("minimum", -math.inf), metadata.get("maximum", math.inf)
    if not minimum <= value <= maximum:
        least = "above 0" if minimum == math.ulp(0.0) else f"at least {minimum:g}"
        most = {math.inf: "", sys.float_info.max: " and finite"}.get(maximum, f", at most {maximum:g}")
        raise ValueError(f"{key} is {value!r}; it must be {least}{most}")
    return kind(value)
