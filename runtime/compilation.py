"""Compiling a model for a device."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

from hal import model as hal_model
from hal.device import Device, PreparedModel, PrepareOptions, Progress
from hal.errors import (
    BadDataError,
    BadStateError,
    NnapiError,
    UnavailableDeviceError,
    UnexpectedNullError,
)
from hal.types import PreferenceCode, Priority
from hal.validation import operation_name
from runtime import discovery
from runtime.model import Model
from runtime.staging import StagedModel
from runtime.values import as_seconds

_log = logging.getLogger(__name__)
_Code = TypeVar("_Code", bound=IntEnum)


class Compilation:
    """A finished model on its way to a device and, after ``finish``, ready to be executed there.

    ``devices``: those that may be used, by name or as they are, in order of preference; None for all
    that there are. The first that supports the whole model gets it.

    Raises ``BadStateError`` for a model that is not finished, ``BadDataError`` for no device or the
    same one twice, and ``UnavailableDeviceError`` for a name that no device has.
    """

    def __init__(self, model: Model, devices: Sequence[str | Device] | None = None) -> None:
        if model is None:
            raise UnexpectedNullError("there must be a model to compile")
        self.model: hal_model.Model = model.canonical
        self._builder = model  # holds the memories that the model refers to
        self._explicit = devices is not None
        self._devices = _resolved(devices)
        self._preference = PreferenceCode.FAST_SINGLE_ANSWER
        self._priority = Priority.DEFAULT
        self._timeout = 0.0
        self._finished = False
        self._closed = False
        self._device: Device | None = None
        self._prepared: PreparedModel | None = None

    @property
    def has_one_chosen_device(self) -> bool:
        """Whether the application named exactly one device: NNAPI's condition for timing and timeouts."""
        return self._explicit and len(self._devices) == 1

    @property
    def device(self) -> Device:
        """The device that has the model; ``BadStateError`` before ``finish``."""
        if self._device is None:
            raise BadStateError("the compilation is not finished, or finishing it has failed")
        return self._device

    @property
    def prepared(self) -> PreparedModel:
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

    def finish(self, progress: Progress | None = None) -> None:
        """Choose the device and prepare the model there; ``progress`` is told how far that is.

        Raises ``BadDataError`` when no device supports the model, and what the device raises.
        ``BadStateError`` when called again, also after a failure.
        """
        self._require_unfinished()
        self._finished = True
        device = self._choose()
        options = PrepareOptions(self._preference, self._priority, self._timeout or None)
        prepared = device.prepare_model(self.model, options, progress or _ignore_progress)
        self._device, self._prepared = device, StagedModel(self.model, prepared)

    def close(self) -> None:
        """Give back what the compilation holds on its device; nothing can be executed any more."""
        prepared, self._prepared = self._prepared, None
        self._finished = self._closed = True
        if prepared is not None:
            prepared.close()

    def _require_unfinished(self) -> None:
        if self._finished:
            raise BadStateError("finish has been called; the compilation can't be changed or finished again")

    def _choose(self) -> Device:
        """The first device that supports the whole model."""
        operations = self.model.main.operations
        no_answer: NnapiError | None = UnavailableDeviceError("there is no device")
        reasons = []
        for device in self._devices:
            try:
                name, supported = (
                    device.info.name,
                    [each.supported for each in device.supported_operations(self.model, self._preference)],
                )
            except NnapiError as error:
                if self._explicit:
                    raise
                _log.warning("a device is passed over: %s", error)
                reasons.append(str(error))
                no_answer = no_answer and error
                continue
            no_answer = None
            if len(supported) != len(operations):
                reasons.append(f"{name} answered for {len(supported)} of {len(operations)} operations")
                continue
            missing = {operation_name(operation.type) for operation, yes in zip(operations, supported) if not yes}
            if not missing:
                return device
            reasons.append(f"{name} does not support these operations as they are used: {', '.join(sorted(missing))}")
        raise no_answer or BadDataError(f"no device takes the whole model; {'; '.join(reasons)}")


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


def _ignore_progress(activity: str, done: int, total: int) -> None:
    """What ``finish`` reports to when nobody asked for progress."""
