"""Integer LSTM cells that threads share, with values at the ends of their ranges; small ones are generated."""

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from drivers.engine import executable
from hal import reference
from hal.device import Argument, Request
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.support import constant, prepare, raw

BATCHES, SIZE, UNITS, OUTPUT = 7, 80, 64, 48
INT8, UINT8, INT16, SYMM = (
    T.TENSOR_QUANT8_ASYMM_SIGNED,
    T.TENSOR_QUANT8_ASYMM,
    T.TENSOR_QUANT16_SYMM,
    T.TENSOR_QUANT8_SYMM,
)


class Cell:
    """Operands drawn over their whole ranges."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.operands, self.inputs, self.values = [], [], []

    def put(self, operand_type, shape, scale=0.0, zero_point=0, reach=None, given=True):
        limits = np.iinfo(operand_type.dtype)
        low, high = (limits.min, limits.max) if reach is None else (-reach, reach)
        value = self.random.integers(low, high, shape, dtype=operand_type.dtype, endpoint=True)
        lifetime = Lifetime.SUBGRAPH_INPUT if given else Lifetime.CONSTANT_COPY
        if given:
            self.inputs.append(len(self.operands))
            self.values.append(value)
        kept = None if given else value
        self.operands.append(Operand(operand_type, shape, scale, zero_point, lifetime, kept))

    def scalar(self, number):
        self.operands.append(constant(number))

    def omit(self, operand_type):
        self.operands.append(Operand(operand_type, (0,), 1.0, lifetime=Lifetime.NO_VALUE))

    def check(self, operation_type, device, *outputs):
        made = tuple(range(len(self.operands), len(self.operands) + len(outputs)))
        given = tuple(range(len(self.operands)))
        operands = (*self.operands, *outputs)
        model = Model(Subgraph(operands, (Operation(operation_type, given, made),), tuple(self.inputs), made))
        found = [np.zeros(each.dimensions, each.type.dtype) for each in outputs]
        request = Request([Argument(raw(each)) for each in self.values], [Argument(raw(each)) for each in found])
        prepare(device, model).execute(request)
        for one, other in zip(found, reference.run(model, self.values)):
            np.testing.assert_array_equal(one, other)


def out(operand_type, shape, scale, zero_point=0):
    return Operand(operand_type, shape, scale, zero_point, Lifetime.SUBGRAPH_OUTPUT)


@pytest.fixture
def device(monkeypatch):
    def refuse(*_):
        raise AssertionError("the reference ran")

    monkeypatch.setattr(executable, "evaluate_operation", refuse)
    monkeypatch.setenv("NNHAL_CPU_THREADS", "3")
    return CpuDevice()


@pytest.mark.parametrize("given", [True, False], ids=["inputs", "constants"])
@pytest.mark.parametrize("weight_zero", [0, 101, 255])
def test_16_bit(device, given, weight_zero):
    cell = Cell(weight_zero)
    cell.put(UINT8, (BATCHES, SIZE), 1 / 128, 128)
    for shape in [(UNITS, SIZE)] * 4 + [(UNITS, UNITS)] * 4:
        cell.put(UINT8, shape, 0.004, weight_zero, given=given)
    for _ in range(4):
        cell.put(T.TENSOR_INT32, (UNITS,), 0.004 / 128, reach=200_000, given=given)
    cell.put(INT16, (BATCHES, UNITS), 2**-11)
    cell.put(UINT8, (BATCHES, UNITS), 1 / 128, 128)
    state, output = (BATCHES, UNITS), (BATCHES, UNITS)
    cell.check(O.QUANTIZED_16BIT_LSTM, device, out(INT16, state, 2**-11), out(UINT8, output, 1 / 128, 128))


@pytest.mark.parametrize("state_bits", [0, 4, 6])
@pytest.mark.parametrize("given", [True, False], ids=["inputs", "constants"])
@pytest.mark.parametrize("has_input", [True, False], ids=["four gates", "three gates"])
@pytest.mark.parametrize("extras", ["plain", "everything"])
def test_8_bit(device, state_bits, given, has_input, extras):
    cell, full = Cell(state_bits), extras == "everything"
    size = OUTPUT if full else UNITS
    gates = [has_input, True, True, True]

    def each(wanted, operand_type, shape, scale, reach=None):
        for here in wanted:
            if here:
                cell.put(operand_type, shape, scale, reach=reach, given=given)
            else:
                cell.omit(operand_type)

    cell.put(INT8, (BATCHES, SIZE), 0.008, -3)
    each(gates, SYMM, (UNITS, SIZE), 0.005)
    each(gates, SYMM, (UNITS, size), 0.007)
    each([full and has_input, full, full], INT16, (UNITS,), 4e-5)
    each(gates, T.TENSOR_INT32, (UNITS,), 0.0, 100_000)
    each([full], SYMM, (size, UNITS), 0.004)
    each([full], T.TENSOR_INT32, (size,), 0.0, 20_000)
    cell.put(INT8, (BATCHES, size), 0.01, 5)
    cell.put(INT16, (BATCHES, UNITS), 2.0 ** (state_bits - 15))
    each([full and here for here in gates], INT16, (UNITS,), 3e-5)
    for clip in (0.6, 0.8):
        if full:
            cell.scalar(np.float32(clip))
        else:
            cell.omit(T.FLOAT32)
    for _ in range(4):
        cell.scalar(np.float32(0.006 if full else 2**-12))
    cell.scalar(np.int32(5))
    cell.scalar(np.float32(0.01))
    output, state = out(INT8, (BATCHES, size), 0.01, 5), out(INT16, (BATCHES, UNITS), 2.0 ** (state_bits - 15))
    cell.check(O.QUANTIZED_LSTM, device, output, state, output)
