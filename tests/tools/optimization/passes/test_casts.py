import numpy as np
import pytest

from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network

F16, F32, I32 = Operand(T.TENSOR_FLOAT16), Operand(T.TENSOR_FLOAT32), Operand(T.TENSOR_INT32)
U8 = Operand(T.TENSOR_QUANT8_ASYMM, (), 0.3, 77)
S8 = Operand(T.TENSOR_QUANT8_ASYMM_SIGNED, (), 0.3, -77)


@pytest.mark.parametrize(
    ("source", "between", "result", "left"),
    [
        (F16, F32, F16, []),
        (U8, F16, U8, []),
        (U8, I32, F32, ["CAST"]),
        (F16, F32, I32, ["CAST"]),
        (F32, F16, F32, ["CAST", "CAST"]),
        (F32, I32, F32, ["CAST", "CAST"]),
        (U8, F32, Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 77), ["CAST"]),
    ],
)
def test_casts_in_a_row(improved, source, between, result, left):
    network = Network()
    x = network.apply(O.RESHAPE, network.input(40, like=source), np.array([5, 8], np.int32))
    y = network.apply(O.CAST, network.apply(O.CAST, x, like=between), like=result)
    y = network.apply(O.MAXIMUM, y, y)
    assert improved(network.model(y), "casts", "dead") == ["RESHAPE", *left, "MAXIMUM"]


@pytest.mark.parametrize("source", [U8, S8, Operand(T.TENSOR_QUANT8_ASYMM, (), 1e-30, 5)])
@pytest.mark.parametrize("between", [F16, F32])
def test_dequantized_and_quantized_again(improved, source, between):
    network = Network()
    x = network.apply(O.RELU, network.input(40, like=source))
    y = network.apply(O.QUANTIZE, network.apply(O.DEQUANTIZE, x, like=between), like=source)
    loses = source.scale < 1e-7 and between is F16  # which holds no such number
    left = ["DEQUANTIZE", "QUANTIZE"] if loses else []
    assert improved(network.model(network.apply(O.RELU6, y)), "casts", "dead") == ["RELU", *left, "RELU6"]


@pytest.mark.parametrize("result", [S8, Operand(T.TENSOR_QUANT8_ASYMM, (), 0.3, 78)])
def test_a_real_requantization_stays(improved, result):
    network = Network()
    x = network.apply(O.RELU, network.input(40, like=U8))
    y = network.apply(O.QUANTIZE, network.apply(O.DEQUANTIZE, x, like=F32), like=result)
    assert improved(network.model(y), "casts", "dead") == ["RELU", "DEQUANTIZE", "QUANTIZE"]


def test_quantizing_and_dequantizing_loses_something(improved):
    network = Network()
    x = network.apply(O.ABS, network.input(40))
    y = network.apply(O.DEQUANTIZE, network.apply(O.QUANTIZE, x, like=U8), like=F32)
    assert improved(network.model(y), "casts", "dead") == ["ABS", "QUANTIZE", "DEQUANTIZE"]
