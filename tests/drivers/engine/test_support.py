"""Which operations can be part of a program, and the reasons for the others."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from drivers.dsp.numerics import DSP
from drivers.engine.executable import Executable
from drivers.engine.numerics import EXACT
from drivers.engine.support import refusals
from drivers.engine.threads import Threads
from drivers.gpu.numerics import HALF
from drivers.npu.numerics import NPU
from hal.inference import with_inferred_dimensions
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType
from tests.control_flow import choice
from tests.hal.operations.calls import stored
from tests.models import model_of
from tests.support import constant
from tools.conformance.generated.operations import operation_case, subjects

FLOAT, INT32 = OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32
X = stored(np.zeros((2, 3)), FLOAT)


def refusal(operation_type, *arguments, to):
    model, _ = model_of(operation_type, *arguments, to=to)
    (reason,) = refusals(model, EXACT)
    return reason


def test_what_has_a_kernel_is_taken():
    assert refusal(OperationType.ADD, X, X, 0, to=X) == ""


@pytest.mark.parametrize("numerics", [EXACT, HALF, DSP, NPU], ids=["cpu", "gpu", "dsp", "npu"])
def test_what_is_taken_without_reading_weights_becomes_one_program(numerics, monkeypatch):
    threads = Threads(1)
    monkeypatch.setattr("drivers.engine.program.native.link", lambda units, compiling: defaultdict(int))  # nothing runs
    taken = 0
    for subject in subjects():
        for seed in range(3):
            model = operation_case(subject, seed).model
            main = with_inferred_dimensions(model.main)
            if not any(refusals(replace(model, main=main), numerics)):
                executable = Executable(model, threads, numerics)
                executable.prepare([main.operands[index].dimensions for index in main.inputs], lambda done, total: None)
                assert executable.is_one_program, subject
                taken += 1
    assert taken > 300


def test_what_has_none_says_why():
    to = replace(X, dimensions=(2, 1))
    reason = refusal(OperationType.TOPK_V2, X, 1, to=to)
    assert reason.startswith("it has no kernel: ")


def test_control_flow_is_none_of_its_operations():
    (reason,) = refusals(choice(), EXACT)
    assert reason.startswith("it has no kernel: the host chooses")


def test_a_type_without_kernel_is_named():
    matrices = stored(np.zeros((2, 2)), INT32)
    reason = refusal(OperationType.BATCH_MATMUL, matrices, matrices, False, False, to=matrices)
    assert "TENSOR_INT32" in reason
    assert "TENSOR_FLOAT32" in reason


def test_dimensions_that_only_an_execution_knows_are_refused():
    model, _ = model_of(OperationType.RELU, X, to=X)
    operands = tuple(replace(operand, dimensions=(0, 3)) for operand in model.main.operands)
    (reason,) = refusals(replace(model, main=replace(model.main, operands=operands)), EXACT)
    assert reason == "its input 0 has dimensions that only an execution knows; they must be in the model"


def test_a_parameter_that_is_computed_is_named():
    paddings = stored([[0, 0], [1, 1]], INT32)
    reason = refusal(OperationType.PAD, X, paddings, to=replace(X, dimensions=(2, 5)))
    assert reason == "its input 'paddings' is computed; it must be a constant of the model"


def test_a_scalar_that_is_computed_is_refused():
    model, _ = model_of(OperationType.ADD, X, X, 0, to=X)
    operands = list(model.main.operands)
    operands[2] = replace(operands[2], lifetime=Lifetime.SUBGRAPH_INPUT, value=None)
    main = replace(model.main, operands=tuple(operands), inputs=(0, 1, 2))
    assert refusals(replace(model, main=main), EXACT) == ["its input 2 is computed; it must be a constant of the model"]


def test_dimensions_that_follow_from_earlier_operations_are_known():
    operands = (
        replace(X, lifetime=Lifetime.SUBGRAPH_INPUT, value=None),
        Operand(FLOAT, (0, 0)),
        Operand(FLOAT, (2, 3), lifetime=Lifetime.SUBGRAPH_OUTPUT),
        constant(np.array([1, 0], np.int32)),
    )
    operations = (Operation(OperationType.TRANSPOSE, (0, 3), (1,)), Operation(OperationType.TRANSPOSE, (1, 3), (2,)))
    assert refusals(Model(Subgraph(operands, operations, (0,), (2,))), EXACT) == ["", ""]


def test_places_outside_a_tensor_are_named():
    places = np.array([0, 7], np.int32)
    reason = refusal(OperationType.GATHER, X, 0, places, to=X)
    assert reason == "it names places from 0 to 7; they must be from 0 to 1"
