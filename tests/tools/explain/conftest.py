"""Devices that say what a test wants them to say, and a small model with a branch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from hal.device import Capabilities, Cost, Device, DeviceInfo, Performance, Support, Transfer
from hal.types import DeviceType, FeatureLevel, OperandType, OperationType, PreferenceCode
from runtime.model import Model


class Priced(Device):
    """Takes the operations that it has a price for: seconds at full speed, twice that and half the joules at low power.

    One joule a second at full speed.
    """

    def __init__(self, name: str, prices: Mapping[OperationType, float], transfer: float = 0.0) -> None:
        self._name = name
        self._prices = prices
        self._transfer = Transfer(transfer, 1e9 if transfer else math.inf)

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(self._name, "1", DeviceType.ACCELERATOR, FeatureLevel.LEVEL_8)

    def capabilities(self) -> Capabilities:
        one = Performance(1, 1)
        return Capabilities({}, one, one, one, one, self._transfer, Cost(0, 0))

    def supported_operations(self, model, preference=PreferenceCode.FAST_SINGLE_ANSWER):
        return [self._support(OperationType(operation.type), preference) for operation in model.main.operations]

    def _support(self, operation_type, preference):
        seconds = self._prices.get(operation_type)
        if seconds is None:
            return Support(f"{self._name} has no <{operation_type.name}>")
        slow = preference is PreferenceCode.LOW_POWER
        return Support("", Cost(2 * seconds, seconds / 2) if slow else Cost(seconds, seconds))

    def prepare_model(self, model, options, progress):
        raise NotImplementedError


@pytest.fixture
def priced():
    return Priced


@pytest.fixture
def model():
    """EXP, then TANH and RELU of it, then their ADD; finished."""
    built = Model()
    x, e, t, r, y = (built.add_operand(OperandType.TENSOR_FLOAT32, (1, 250)) for _ in range(5))
    none = built.add_operand(OperandType.INT32)
    built.set_operand_value(none, 0)
    built.add_operation(OperationType.EXP, [x], [e])
    built.add_operation(OperationType.TANH, [e], [t])
    built.add_operation(OperationType.RELU, [e], [r])
    built.add_operation(OperationType.ADD, [t, r, none], [y])
    built.identify_inputs_and_outputs([x], [y])
    built.finish()
    return built.canonical
