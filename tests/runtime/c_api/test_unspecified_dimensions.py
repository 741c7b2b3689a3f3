"""Dimensions that a model leaves open, or states wrongly, and those that executions give.

Which combinations Android takes, and how it refuses the others, its own test of this subject says. The model is
output [B, A] = TRANSPOSE(total, order), total [A, B] = ADD(input [A, B], constant [A, 1]); the order is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pytest

from hal.types import OperandType, ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import compute, new_memory

R = ResultCode
RIGHT, WRONG = 2, 3
"""What A is, and what it is said to be."""

pytestmark = pytest.mark.usefixtures("two_devices")


class Operand(Enum):
    """``ORDER_INPUT``: the order is an input that an execution leaves out; ``ORDER_CONSTANT``: the model does."""

    INPUT = "input"
    CONSTANT = "constant"
    TOTAL = "total"
    ORDER_INPUT = "order as an input"
    ORDER_CONSTANT = "order"
    OUTPUT = "output"


DIMENSIONS = {
    Operand.INPUT: ("A", "B"),
    Operand.CONSTANT: ("A", 1),
    Operand.TOTAL: ("A", "B"),
    Operand.ORDER_INPUT: (2,),
    Operand.ORDER_CONSTANT: (2,),
    Operand.OUTPUT: ("B", "A"),
}
GIVEN = (Operand.INPUT, Operand.ORDER_INPUT, Operand.OUTPUT)
"""Those that an execution gives."""


class Level(Enum):
    """How much is said of an operand. ``OPEN``: all but A is unknown. ``UNTOLD``: an execution gives no type."""

    KNOWN = 0
    OPEN = 1
    UNRANKED = 2
    UNTOLD = 3


USUAL = {Operand.INPUT: Level.OPEN, Operand.TOTAL: Level.OPEN, Operand.OUTPUT: Level.OPEN}
"""What models say of operands, if not all."""


@dataclass(frozen=True)
class Case:
    """``model``, ``execution``: what is said of ``operand`` where. ``wrong``: where A is said wrongly.

    ``room``: the output's place, in parts of what it needs.
    """

    operand: Operand
    model: Level
    execution: Level
    wrong: str = ""
    in_memory: bool = False
    room: float = 1

    def level(self, operand, when):
        if operand is not self.operand:
            return USUAL.get(operand, Level.KNOWN) if when == "model" else Level.KNOWN
        return self.model if when == "model" else self.execution

    def is_wrong(self, operand, when):
        return (operand, when) == (self.operand, self.wrong)

    def dimensions(self, operand, when, b):
        level = self.level(operand, when)
        if level in (Level.UNRANKED, Level.UNTOLD):
            return ()
        rest = {"B": b} if level is Level.KNOWN else dict.fromkeys(("B", 1, 2), 0)
        values = {"A": WRONG if self.is_wrong(operand, when) else RIGHT, **rest}
        return tuple(values.get(each, each) for each in DIMENSIONS[operand])

    @property
    def model_is_valid(self):
        return self.operand is not Operand.CONSTANT or (self.model is Level.KNOWN and not self.wrong)

    @property
    def input_code(self):
        """All must be known, and must not contradict what the model says."""
        refused = {
            Level.KNOWN: bool(self.wrong) and self.model is not Level.UNRANKED,
            Level.UNTOLD: self.model is not Level.KNOWN or self.wrong == "model",
        }
        return self._code(Operand.INPUT, refused.get(self.execution, True))

    @property
    def order_code(self):
        """Even of what is left out, no less may be said than the model does."""
        less = self.execution is not Level.UNTOLD and self.execution.value > self.model.value
        return self._code(Operand.ORDER_INPUT, less)

    @property
    def output_code(self):
        """No less may be said than the model does, and if all is known, the size must be right."""
        contradicts = bool(self.wrong) and self.model is not Level.UNRANKED
        refused = {
            Level.KNOWN: self.room != 1 or contradicts,
            Level.OPEN: self.model is Level.KNOWN or contradicts,
            Level.UNRANKED: self.model is not Level.UNRANKED,
            Level.UNTOLD: self.model is Level.KNOWN and (self.room != 1 or contradicts),
        }
        return self._code(Operand.OUTPUT, refused[self.execution])

    def _code(self, operand, refused):
        return R.BAD_DATA if operand is self.operand and refused else R.NO_ERROR

    @property
    def compute_code(self):
        if self.wrong:
            return R.OP_FAILED
        return R.OUTPUT_INSUFFICIENT_SIZE if self.room < 1 else R.NO_ERROR


def cases(operand):
    has_a = "A" in DIMENSIONS[operand]
    for model in list(Level)[:3]:
        for execution in Level if operand in GIVEN else [Level.KNOWN]:
            told = {"": Level.KNOWN, "model": model}
            if operand in GIVEN:
                told["execution"] = execution
            for wrong in [each for each, level in told.items() if level.value < 2 and (has_a or not each)]:
                for in_memory in (False, True) if has_a and operand is not Operand.TOTAL else (False,):
                    for room in (0.5, 1, 2) if operand is Operand.OUTPUT else (1,):
                        yield Case(operand, model, execution, wrong, in_memory, room)


def scale_of(type):
    return 1.0 if type.has_scale else 0.0


def build(nn, case, type, constant):
    """The model, or None where it is refused as it should be."""
    lib, model = nn.lib, clients.new_model(nn)
    order = Operand.ORDER_INPUT if case.operand is Operand.ORDER_INPUT else Operand.ORDER_CONSTANT
    for operand in (Operand.INPUT, Operand.CONSTANT, Operand.TOTAL, order, Operand.OUTPUT):
        data_type, scale = (OperandType.TENSOR_INT32, 0.0) if operand is order else (type, scale_of(type))
        clients.add_operand(nn, model, data_type, case.dimensions(operand, "model", 2), scale)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.set_scalar(nn, model, 5, 0)
    if case.in_memory:
        memory, content = new_memory(nn, constant.nbytes)
        content[:] = constant.view(np.uint8)
        code = lib.ANeuralNetworksModel_setOperandValueFromMemory(model, 1, memory, 0, constant.nbytes)
        lib.ANeuralNetworksMemory_free(memory)  # the model keeps what it needs
    else:
        code = lib.ANeuralNetworksModel_setOperandValue(model, 1, clients.pointer(nn, constant), constant.nbytes)
    assert code == (R.NO_ERROR if case.model_is_valid else R.BAD_DATA)
    if not case.model_is_valid:
        lib.ANeuralNetworksModel_free(model)
        return None
    inputs = [0, 3]
    if order is Operand.ORDER_CONSTANT:
        clients.ok(lib.ANeuralNetworksModel_setOperandValue(model, 3, nn.ffi.NULL, 0))
        inputs.remove(3)
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 5], [2])
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_TRANSPOSE, [2, 3], [4])
    clients.identify(nn, model, inputs, [4])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return model


def told(nn, case, operand, type, b):
    """The type that the execution gives, perhaps none."""
    if case.level(operand, "execution") is Level.UNTOLD:
        return nn.ffi.NULL
    return clients.operand_type(nn, type, case.dimensions(operand, "execution", b), scale_of(type))


def give(nn, execution, case, operand, type, array, b):
    """Set the input or output in the way of the case; its result code, and where the values then are."""
    call = f"ANeuralNetworksExecution_set{operand.value.capitalize()}"
    said = told(nn, case, operand, type, b)
    if not case.in_memory:
        return getattr(nn.lib, call)(execution, 0, said, clients.pointer(nn, array), array.nbytes), array
    memory, content = new_memory(nn, array.nbytes)
    content[:] = array.view(np.uint8)
    code = getattr(nn.lib, f"{call}FromMemory")(execution, 0, said, memory, 0, array.nbytes)
    nn.lib.ANeuralNetworksMemory_free(memory)  # the execution keeps what it needs
    return code, content.view(array.dtype)


def check(nn, case, type, compilation, b):
    """Execute with B = ``b``, as far as the case goes."""
    execution = clients.new_execution(nn, compilation)
    a = WRONG if case.is_wrong(Operand.INPUT, "execution") else RIGHT
    values = np.arange(1, a * b + 1).astype(type.dtype)
    code, values = give(nn, execution, case, Operand.INPUT, type, values, b)
    assert code == case.input_code
    if code == R.NO_ERROR and case.operand is Operand.ORDER_INPUT:
        said = told(nn, case, Operand.ORDER_INPUT, OperandType.TENSOR_INT32, b)
        code = nn.lib.ANeuralNetworksExecution_setInput(execution, 1, said, nn.ffi.NULL, 0)
        assert code == case.order_code
    if code == R.NO_ERROR:
        a = WRONG if case.is_wrong(Operand.OUTPUT, "execution") else RIGHT
        room = np.zeros(int(a * b * case.room), type.dtype)
        code, room = give(nn, execution, case, Operand.OUTPUT, type, room, b)
        assert code == case.output_code
    if code == R.NO_ERROR:
        assert compute(nn, "compute", execution, compilation) == case.compute_code
        if case.compute_code != R.OP_FAILED:
            rank, sizes = nn.ffi.new("uint32_t*"), nn.ffi.new("uint32_t[2]")
            assert nn.lib.ANeuralNetworksExecution_getOutputOperandRank(execution, 0, rank) == case.compute_code
            assert nn.lib.ANeuralNetworksExecution_getOutputOperandDimensions(execution, 0, sizes) == case.compute_code
            assert (rank[0], list(sizes)) == (2, [b, RIGHT])
        if case.compute_code == R.NO_ERROR:
            wanted = values.reshape(RIGHT, b) + np.array([[1], [2]], type.dtype)
            np.testing.assert_array_equal(room[: RIGHT * b], wanted.T.ravel())
    nn.lib.ANeuralNetworksExecution_free(execution)


@pytest.mark.parametrize(
    "type", [OperandType.TENSOR_FLOAT32, OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_FLOAT16]
)
@pytest.mark.parametrize("operand", Operand)
def test_what_is_said_of_one_operand(nn, type, operand):
    executed = 0
    for case in cases(operand):
        model = build(nn, case, type, np.array([1, 2], type.dtype))
        if model is None:
            continue
        compilation = clients.new_compilation(nn, model)  # contradictions are for executions to find
        levels = [case.level(each, "model") for each in (Operand.INPUT, Operand.TOTAL, Operand.OUTPUT)]
        for b in (2,) if Level.KNOWN in levels else (1, 2):
            check(nn, case, type, compilation, b)
            executed += 1
        nn.lib.ANeuralNetworksCompilation_free(compilation)
        nn.lib.ANeuralNetworksModel_free(model)
    assert executed >= 2
