"""Compilations: states, choice of the device, and what they pass to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hal.device import PrepareOptions
from hal.errors import (
    BadDataError,
    BadStateError,
    DeadObjectError,
    MissedDeadlinePersistentError,
    MissedDeadlineTransientError,
    NnapiError,
    OpFailedError,
    UnavailableDeviceError,
    UnexpectedNullError,
)
from hal.types import OperandType, OperationType, PreferenceCode, Priority
from runtime import discovery
from runtime.compilation import Compilation, get_supported_operations_for_devices
from runtime.execution import Execution
from runtime.model import Model

BuildModel = Callable[..., Model]


def raising(error: NnapiError) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook


def test_the_model_must_be_finished(add_model: BuildModel, device: Any) -> None:
    with pytest.raises(BadStateError):
        Compilation(add_model(finish=False), [device])
    with pytest.raises(UnexpectedNullError):
        Compilation(None, [device])  # type: ignore[arg-type]


def test_the_list_of_devices_must_be_right(add_model: BuildModel, device: Any, new_device: Any) -> None:
    model = add_model()
    for devices in ([], [device, device], [device, new_device("other"), device], "cpu", [7]):
        with pytest.raises(BadDataError):
            Compilation(model, devices)  # type: ignore[arg-type]
    with pytest.raises(UnexpectedNullError):
        Compilation(model, [device, None])  # type: ignore[list-item]


def test_devices_are_found_by_name(add_model: BuildModel, device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "device", {"reference": device}.__getitem__)
    compilation = Compilation(add_model(), ["reference"])
    compilation.finish()
    assert compilation.plan.devices == (device,)


def test_an_unknown_name_is_refused(add_model: BuildModel) -> None:
    with pytest.raises(UnavailableDeviceError, match="no-such-device"):
        Compilation(add_model(), ["no-such-device"])


SETTINGS: list[Callable[[Compilation], None]] = [
    lambda compilation: compilation.set_preference(PreferenceCode.LOW_POWER),
    lambda compilation: compilation.set_priority(Priority.LOW),
    lambda compilation: compilation.set_timeout(1.0),
    lambda compilation: compilation.finish(),
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_nothing_can_be_set_after_finish(add_model: BuildModel, device: Any, setting: Any) -> None:
    compilation = Compilation(add_model(), [device])
    compilation.finish()
    with pytest.raises(BadStateError):
        setting(compilation)


def test_a_compilation_that_failed_stays_failed(add_model: BuildModel, device: Any) -> None:
    device.on_prepare = raising(MissedDeadlinePersistentError("too slow"))
    compilation = Compilation(add_model(), [device])
    with pytest.raises(MissedDeadlinePersistentError):
        compilation.finish()
    device.on_prepare = lambda: None
    with pytest.raises(BadStateError):
        compilation.finish()
    with pytest.raises(BadStateError):
        Execution(compilation)
    with pytest.raises(BadStateError):
        _ = compilation.plan


def test_settings_reach_the_device(add_model: BuildModel, device: Any) -> None:
    compilation = Compilation(add_model(), [device])
    compilation.set_preference(PreferenceCode.SUSTAINED_SPEED)
    compilation.set_priority(Priority.HIGH)
    compilation.set_timeout(2)
    compilation.finish()
    assert device.options == [PrepareOptions(PreferenceCode.SUSTAINED_SPEED, Priority.HIGH, 2.0)]


def test_settings_have_nnapi_s_defaults(add_model: BuildModel, device: Any) -> None:
    compilation = Compilation(add_model(), [device])
    compilation.set_timeout(0)
    compilation.finish()
    assert device.options == [PrepareOptions(PreferenceCode.FAST_SINGLE_ANSWER, Priority.MEDIUM, None)]


@pytest.mark.parametrize("preference", [40, -1, "fast"])
def test_wrong_preferences_are_refused(add_model: BuildModel, device: Any, preference: Any) -> None:
    with pytest.raises(BadDataError, match="preference"):
        Compilation(add_model(), [device]).set_preference(preference)


@pytest.mark.parametrize("priority", [0, 89, 91, 99, 101, 109, 111])
def test_wrong_priorities_are_refused(add_model: BuildModel, device: Any, priority: Any) -> None:
    with pytest.raises(BadDataError, match="priority"):
        Compilation(add_model(), [device]).set_priority(priority)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1"])
def test_wrong_timeouts_are_refused(add_model: BuildModel, device: Any, seconds: Any) -> None:
    with pytest.raises(BadDataError, match="timeout"):
        Compilation(add_model(), [device]).set_timeout(seconds)


def test_settings_must_be_given(add_model: BuildModel, device: Any) -> None:
    compilation = Compilation(add_model(), [device])
    for setter in (compilation.set_preference, compilation.set_priority, compilation.set_timeout):
        with pytest.raises(UnexpectedNullError):
            setter(None)  # type: ignore[arg-type]


def test_a_timeout_needs_one_named_device(
    add_model: BuildModel, device: Any, new_device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadDataError):
        Compilation(add_model(), [device, new_device("other")]).set_timeout(1.0)
    monkeypatch.setattr(discovery, "devices", lambda: [device])
    with pytest.raises(BadDataError):
        Compilation(add_model()).set_timeout(1.0)


def test_the_first_device_that_supports_the_model_gets_it(add_model: BuildModel, device: Any, new_device: Any) -> None:
    unable, better = new_device("unable"), new_device("better")
    unable.supports = lambda model: [False]
    compilation = Compilation(add_model(), [unable, better, device])
    compilation.finish()
    assert compilation.plan.devices == (better,)


def test_when_no_device_takes_the_model_each_one_s_reason_is_told(
    add_model: BuildModel, device: Any, new_device: Any
) -> None:
    confused = new_device("confused")
    confused.supports = lambda model: []
    device.supports = lambda model: [False]
    with pytest.raises(BadDataError) as caught:
        Compilation(add_model(), [device, confused]).finish()
    assert "no device takes operation 0 (ADD): reference: it takes others" in str(caught.value)
    assert "confused: it answered for 0 of 1 operations" in str(caught.value)


def test_a_named_device_that_is_dead_is_an_error(add_model: BuildModel, device: Any, new_device: Any) -> None:
    dead = new_device("dead")
    dead.on_query = raising(DeadObjectError("the driver 'dead' has died"))
    with pytest.raises(DeadObjectError):
        Compilation(add_model(), [dead, device]).finish()


@pytest.mark.parametrize("error", [DeadObjectError, MissedDeadlineTransientError, OpFailedError])
def test_among_all_devices_one_that_does_not_answer_is_passed_over(
    error: type[NnapiError],
    add_model: BuildModel,
    device: Any,
    new_device: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dead = new_device("dead")
    dead.on_query = raising(error("the driver 'dead' does not answer"))
    monkeypatch.setattr(discovery, "devices", lambda: [dead, device])
    compilation = Compilation(add_model())
    with caplog.at_level(logging.WARNING):
        compilation.finish()
    assert compilation.plan.devices == (device,)
    assert "the driver 'dead' does not answer" in caplog.text


def test_among_all_devices_the_reasons_include_the_dead(
    add_model: BuildModel, device: Any, new_device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = new_device("dead")
    dead.on_query = raising(DeadObjectError("the driver 'dead' has died"))
    device.supports = lambda model: [False]
    monkeypatch.setattr(discovery, "devices", lambda: [device, dead])
    with pytest.raises(BadDataError, match=r"ADD.*: it takes others; the driver 'dead' has died"):
        Compilation(add_model()).finish()


def test_when_every_device_is_dead_that_is_the_error(
    add_model: BuildModel, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.on_query = raising(DeadObjectError("the driver has died"))
    monkeypatch.setattr(discovery, "devices", lambda: [device])
    with pytest.raises(DeadObjectError):
        Compilation(add_model()).finish()
    monkeypatch.setattr(discovery, "devices", list)
    with pytest.raises(UnavailableDeviceError):
        Compilation(add_model()).finish()


def test_progress_is_told(add_model: BuildModel, device: Any) -> None:
    told: list[tuple[str, int, int]] = []
    Compilation(add_model(), [device]).finish(lambda *progress: told.append(progress))
    assert told == [("preparing", 1, 1)]


def test_closing_frees_the_device_and_ends_executions(add_model: BuildModel, device: Any) -> None:
    compilation = Compilation(add_model(), [device])
    compilation.finish()
    compilation.close()
    compilation.close()
    assert device.closed == 1
    with pytest.raises(BadStateError, match="closed"):
        Execution(compilation)


@pytest.mark.parametrize("explicit", [False, True])
def test_a_model_with_a_fault_is_compiled_and_fails_when_executed(
    device: Any, monkeypatch: pytest.MonkeyPatch, explicit: bool
) -> None:
    monkeypatch.setattr(discovery, "devices", lambda: [device])
    model = Model(lenient=True)
    x, y = model.add_operand(OperandType.TENSOR_FLOAT32, (2,)), model.add_operand(OperandType.TENSOR_FLOAT32, (3,))
    model.add_operation(OperationType.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    assert get_supported_operations_for_devices(model, [device]) == [False]
    compilation = Compilation(model, [device] if explicit else None)
    compilation.finish()
    execution = Execution(compilation)
    execution.set_input(0, np.zeros(2, np.float32))
    execution.set_output(0, np.zeros(3, np.float32))
    with pytest.raises(OpFailedError, match=r"can't be executed: operation 0 \(RELU\)"):
        execution.compute()
    assert not device.models
