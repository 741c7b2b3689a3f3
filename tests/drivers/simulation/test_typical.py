import math

import pytest

from drivers.cpu.description import CpuDescription
from drivers.cpu.device import CpuDevice
from drivers.cpu.performance import CpuPerformance
from drivers.simulation.description import parse
from drivers.simulation.typical import capabilities
from hal.device import Performance, Transfer
from hal.types import OperandType, OperationType
from hal.validation import validate_model
from tests import descriptions

T = OperandType


def _capabilities(refusals):
    described = CpuDevice().description
    return capabilities(described, CpuPerformance(described), refusals)


def _takes_all(model):
    validate_model(model)
    return [""] * len(model.main.operations)


def test_reference_is_one_in_everything():
    found = CpuDevice().capabilities()
    one = Performance(1.0, 1.0)
    assert set(found.operand_performance) == set(T) - {T.MODEL}
    assert {*found.operand_performance.values(), found.relaxed_tensor, found.if_, found.while_} == {one}
    assert found.transfer == Transfer(0.0, math.inf)


def test_twice_the_clock_is_twice_as_fast_where_nothing_else_matters():
    text = descriptions.cpu({"static_watts": 0.0}, [(2.2e9, 0.85)]).replace("10.4e9", "1e15")
    slow, fast = (
        capabilities(described, CpuPerformance(described), _takes_all).operand_performance[T.TENSOR_BOOL8].exec_time
        for described in (parse(each, CpuDescription, "x") for each in (text, text.replace("2200000000.0", "4.4e9")))
    )
    assert slow / fast == pytest.approx(2)


def test_better_variant_is_faster_and_worse_is_slower():
    for operand_type in (T.TENSOR_FLOAT32, T.TENSOR_FLOAT16, T.TENSOR_QUANT8_ASYMM_SIGNED):
        better, worse = (
            CpuDevice(variant).capabilities().operand_performance[operand_type]
            for variant in ("snapdragon-865", "snapdragon-450")
        )
        assert better.exec_time < 1 < worse.exec_time


def test_what_is_not_taken_is_not_claimed():
    def refusals(model):
        known = {OperationType.CONV_2D, OperationType.DEQUANTIZE}
        data = model.main.operands[0].type
        return ["" if each.type in known and data != T.TENSOR_FLOAT32 else "no" for each in model.main.operations]

    found = _capabilities(refusals)
    assert set(found.operand_performance) == {
        T.TENSOR_FLOAT16,
        T.FLOAT16,
        T.TENSOR_QUANT8_ASYMM,
        T.TENSOR_QUANT8_ASYMM_SIGNED,
        T.TENSOR_QUANT8_SYMM,
        T.TENSOR_QUANT8_SYMM_PER_CHANNEL,
    }
    never = Performance(math.inf, math.inf)
    assert {found.relaxed_tensor, found.relaxed_scalar, found.if_, found.while_} == {never}


def test_relaxed_only():
    found = _capabilities(lambda model: ["" if model.relaxed else "no"])
    assert found.operand_performance == {}
    assert found.relaxed_tensor == Performance(1.0, 1.0)
