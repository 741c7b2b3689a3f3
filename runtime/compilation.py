"""Compiling a model for devices."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from contextlib import closing
from enum import IntEnum
from typing import TypeVar

import numpy as np

from hal import model as hal_model
from hal.device import (
    Attribute,
    Cache,
    Device,
    DeviceInfo,
    PreparedModel,
    PrepareOptions,
    Progress,
    Support,
)
from hal.errors import BadDataError, BadStateError, NnapiError, UnexpectedNullError
from hal.types import DeviceType, PreferenceCode, Priority
from runtime import discovery, extensions, telemetry
from runtime.caching import Caching
from runtime.model import Model
from runtime.plan import Plan
from runtime.planner import plan_model
from runtime.prepared import Preparation, PreparedPlan
from runtime.remote import PATIENCE, RemoteDevice
from runtime.sent import keeping
from runtime.unexecutable import failing_plan
from runtime.values import as_seconds

_log = logging.getLogger(__name__)
_Code = TypeVar("_Code", bound=IntEnum)


class Compilation:
    """A finished model on its way to devices and, after ``finish``, ready to be executed there.

    ``devices``: those that may be used, by name or as they are; None for all that there are. Each operation
    goes where all of them together are cheapest, by the preference; among equals, to the device that
    comes first. With None, what fails on its device runs again on the CPU, see ``set_fallback``.

    Raises ``BadStateError`` for a model that is not finished, ``BadDataError`` for no device or the
    same one twice, and ``UnavailableDeviceError`` for a name that no device has.
    """

    def __init__(self, model: Model, devices: Sequence[str | Device] | None = None) -> None:
        if model is None:
            raise UnexpectedNullError("there must be a model to compile")
        self.model: hal_model.Model = model.canonical
        self._builder = model
        self._explicit = devices is not None
        self._devices = _resolved(devices)
        self._preference = PreferenceCode.FAST_SINGLE_ANSWER
        self._priority = Priority.DEFAULT
        self._timeout = 0.0
        self._finished = False
        self._closed = False
        self._fallback = not self._explicit
        self._patience = _default_patience()
        self._caching: Caching | None = None
        self._attributes: tuple[Attribute, ...] = ()
        self._plan: Plan | None = None
        self._prepared: PreparedPlan | None = None

    @property
    def has_one_chosen_device(self) -> bool:
        """Whether the application named exactly one device: NNAPI's condition for timing and timeouts."""
        return self._explicit and len(self._devices) == 1

    @property
    def plan(self) -> Plan:
        """Which device executes which operations; ``BadStateError`` before ``finish``."""
        if self._plan is None:
            raise BadStateError("the compilation is not finished, or finishing it has failed")
        return self._plan

    @property
    def prepared(self) -> PreparedPlan:
        """What executes the model; ``BadStateError`` before ``finish`` and after ``close``."""
        if self._prepared is None:
            state = "closed" if self._closed else "not finished, or finishing it has failed"
            raise BadStateError(f"the compilation is {state}")
        return self._prepared

    def set_preference(self, preference: PreferenceCode) -> None:
        """Say what to optimise for."""
        self._require_unfinished()
        self._preference = _code(PreferenceCode, preference, "preference")

    def set_priority(self, priority: Priority) -> None:
        """Say how urgent the executions are, relative to the same application's others."""
        self._require_unfinished()
        self._priority = _code(Priority, priority, "priority")

    def set_timeout(self, seconds: float) -> None:
        """Limit how long preparing may take; 0 for no limit. ``BadDataError`` unless one device was named."""
        self._require_unfinished()
        if not self.has_one_chosen_device:
            raise BadDataError("a timeout needs a compilation for exactly one named device")
        self._timeout = as_seconds(seconds, "timeout")

    def set_caching(self, directory: str | os.PathLike[str], token: bytes) -> None:
        """Have devices keep the compiled model in ``directory``, and use what was kept there.

        ``token``: 32 bytes that the application knows this model by. What was kept is used only if the
        model, the device, its version, preference and priority are the same; otherwise the model is
        compiled and kept anew. Several processes may use a directory at once. Devices that keep nothing,
        and those on the network, compile each time. ``BadDataError`` for what is no directory or token.
        """
        self._require_unfinished()
        self._caching = Caching.checked(directory, token)

    def add_extension_attribute(self, name: str, code: int, data: bytes) -> None:
        """Tell the device something that attribute ``code`` (16 bits) of vendor extension ``name`` stands for.

        ``BadDataError`` unless one device was named, and for an extension that no device knows or an
        attribute that has been added already.
        """
        self._require_unfinished()
        if not self.has_one_chosen_device:
            raise BadDataError("an extension's attribute needs a compilation for exactly one named device")
        self._attributes = extensions.with_attribute(self._attributes, name, code, data)

    def set_fallback(self, allowed: bool) -> None:
        """Say whether what fails on its device runs again on the CPU (not NNAPI's).

        If not, the caller gets the error. By default it does if the application has not named devices.
        """
        self._require_unfinished()
        self._fallback = bool(allowed)

    def set_patience(self, seconds: float) -> None:
        """Say how long a driver may be silent before it is given up: ``DEAD_OBJECT`` (not NNAPI's).

        By default ``NNHAL_PATIENCE`` seconds, else 120. A driver that the runtime has started is ended,
        and started again when it is next needed. Devices within this process are waited for.
        """
        self._require_unfinished()
        self._patience = as_seconds(seconds, "patience")
        if not self._patience:
            raise BadDataError("the patience is 0 seconds; it must be more")

    def finish(self, progress: Progress | None = None) -> None:
        """Plan which device takes what, and prepare that; ``progress`` is told how far it is.

        Raises ``BadDataError`` when no device takes an operation or the model's file is damaged, and what
        the devices raise. ``BadStateError`` when called again, also after a failure.
        """
        self._require_unfinished()
        self._finished = True
        options = PrepareOptions(self._preference, self._priority, self._timeout or None, attributes=self._attributes)
        with telemetry.compiling(self.model, self._devices, options, caching=self._caching is not None) as steps:
            self._builder.verify()
            fallbacks = self._fallbacks() if self._fallback and self._builder.fault is None else []
            with keeping(self.model):
                self._prepared = self._compiled(options, fallbacks, progress or _ignore_progress)
            self._plan = self._prepared.plan
            steps.extend(self._plan.steps)

    def preferred_memory_alignment_for_input(self, index: int) -> int:
        """Bytes, a power of two: input ``index`` at a multiple of them in memory need not be copied.

        ``BadStateError`` before ``finish``, ``BadDataError`` where there is no such input.
        """
        return max(info.memory_alignment for info in self._users("input", self.model.main.inputs, index))

    def preferred_memory_padding_for_input(self, index: int) -> int:
        """Bytes, a power of two: memory for input ``index`` should have room up to a multiple of them."""
        return max(info.memory_padding for info in self._users("input", self.model.main.inputs, index))

    def preferred_memory_alignment_for_output(self, index: int) -> int:
        """The same as ``preferred_memory_alignment_for_input`` for output ``index``."""
        return max(info.memory_alignment for info in self._users("output", self.model.main.outputs, index))

    def preferred_memory_padding_for_output(self, index: int) -> int:
        """The same as ``preferred_memory_padding_for_input`` for output ``index``."""
        return max(info.memory_padding for info in self._users("output", self.model.main.outputs, index))

    def close(self) -> None:
        """Give back what the compilation holds on its device; nothing can be executed any more."""
        prepared, self._prepared = self._prepared, None
        self._finished = self._closed = True
        if prepared is not None:
            prepared.close()

    def _compiled(self, options: PrepareOptions, fallbacks: Sequence[Device], progress: Progress) -> PreparedPlan:
        """The model planned and prepared. An only device that has kept it is not asked again what it takes of it."""
        preparation = Preparation(options, self._patience, fallbacks, self._caching, progress)
        fault, caching = self._builder.fault, self._caching
        if fault is not None:
            return PreparedPlan(failing_plan(self.model, fault), preparation)
        if caching is None or len(self._devices) != 1:
            return PreparedPlan(self._planned(None), preparation)
        (device,) = self._devices
        patience = (self._patience,) if isinstance(device, RemoteDevice) else ()

        def prepare_from(cache: Cache) -> PreparedModel:
            return device.prepare_from_cache(cache, options, progress, *patience)

        with closing(caching):
            supports = caching.revive(device.info, self.model, options, prepare_from)
            prepared = PreparedPlan(self._planned(supports), preparation)
            if supports is None:
                caching.keep_support(device.info, self.model, options, prepared.plan.answers[0].supports)
            return prepared

    def _planned(self, supports: list[Support] | None) -> Plan:
        return plan_model(self.model, self._devices, self._preference, required=self._explicit, supports=supports)

    def _require_unfinished(self) -> None:
        if self._finished:
            raise BadStateError("finish has been called; the compilation can't be changed or finished again")

    def _users(self, kind: str, operands: Sequence[int], index: int) -> list[DeviceInfo]:
        """The devices that read an input or write an output; all of the plan's where the runtime itself does."""
        plan = self.plan
        if not isinstance(index, (int, np.integer)) or not 0 <= index < len(operands):
            raise BadDataError(f"there is no {kind} {index}; the model has {len(operands)}")
        operand = operands[index]
        users = [step.device for step in plan.steps if operand in (*step.inputs, *step.outputs)]
        return [device.info for device in (plan.devices if None in users else users) if device is not None]

    def _fallbacks(self) -> list[Device]:
        """The CPUs, those that the application has named first."""
        others = [device for device in discovery.devices() if device not in self._devices] if self._explicit else []
        found = []
        for device in (*self._devices, *others):
            try:
                if device.info.type is DeviceType.CPU:
                    found.append(device)
            except NnapiError as error:
                _log.warning("a device is passed over: %s", str(error))
        return found


def plan(
    model: Model,
    devices: Sequence[str | Device] | None = None,
    preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER,
) -> Plan:
    """Which of ``devices`` would execute which operations of a finished model, and why; nothing is prepared.

    Arguments and errors are those of ``Compilation`` and its ``finish``.
    """
    chosen = _code(PreferenceCode, preference, "preference")
    return plan_model(model.canonical, _resolved(devices), chosen, required=devices is not None)


def get_supported_operations_for_devices(model: Model, devices: Sequence[str | Device]) -> list[bool]:
    """Whether at least one of ``devices`` takes each operation of a finished model, in the order they were added.

    None takes any of a model that no execution can succeed of.
    Raises ``BadStateError`` for a model that is not finished, ``BadDataError`` for no device or the same one
    twice, and what the devices raise.
    """
    if model is None or devices is None:
        raise UnexpectedNullError("there must be a model, and devices to ask for its operations")
    canonical = model.canonical
    supported = [False] * len(canonical.main.operations)
    for device in _resolved(devices):
        if model.fault is not None:
            continue
        for number, support in zip(model.execution_order, device.supported_operations(canonical)):
            supported[number] |= support.supported
    return supported


def _resolved(devices: Sequence[str | Device] | None) -> list[Device]:
    """The devices that are meant, each once."""
    if devices is None:
        return discovery.devices()
    if isinstance(devices, str) or not isinstance(devices, Sequence):
        raise BadDataError(f"devices is {devices!r}; it must be a list of names or devices")
    if not devices:
        raise BadDataError("the list of devices is empty; None means all of them")
    resolved = [_device(entry) for entry in devices]
    for device in resolved:
        if resolved.count(device) > 1:
            raise BadDataError(f"device '{device.info.name}' is listed twice")
    return resolved


def _device(entry: str | Device) -> Device:
    if entry is None:
        raise UnexpectedNullError("a device in the list is None")
    if isinstance(entry, str):
        return discovery.device(entry)
    if not isinstance(entry, Device):
        raise BadDataError(f"{entry!r} is neither a device nor the name of one")
    return entry


def _code(kind: type[_Code], value: int, what: str) -> _Code:
    if value is None:
        raise UnexpectedNullError(f"there must be a {what}")
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(f"{code.value} ({code.name})" for code in kind)
        raise BadDataError(f"the {what} is {value!r}; it must be one of {choices}") from None


def _default_patience() -> float:
    setting = os.environ.get("NNHAL_PATIENCE", "")
    try:
        seconds = float(setting or PATIENCE)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadDataError(f"NNHAL_PATIENCE is '{setting}'; it must be a number of seconds above 0")
    return seconds


def _ignore_progress(activity: str, done: int, total: int) -> None:
    """What ``finish`` reports to when nobody asked for progress."""
