"""Telemetry: what records say, and that nothing in them can hurt the application."""

from dataclasses import replace

import numpy as np
import pytest

from hal.errors import BadDataError, OpFailedError, OutOfMemoryError
from hal.model import Extension, Lifetime, Model, Operand
from hal.types import OperandType, OperationType, PreferenceCode, Priority, ResultCode
from runtime import telemetry
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.telemetry import DataClass, set_telemetry, summary
from tests.support import Input, single

T = OperandType


@pytest.fixture
def records():
    """What has been published."""
    found = []
    set_telemetry(found.append)
    yield found
    set_telemetry(None)


def dense(scale=1.0, size=4):
    values = np.zeros((2, size), np.float32).view(Input)
    weights, bias = np.full((3, size), scale, np.float32), np.zeros(3, np.float32)
    return single(OperationType.FULLY_CONNECTED, values, weights, bias, 0)[0]


def test_a_summary_says_what_a_model_is():
    said = summary(dense())
    assert (said.operations, said.constant_bytes) == (1, 4 * (12 + 3 + 1))
    assert (said.input_class, said.output_class) == (DataClass.FLOAT32, DataClass.FLOAT32)
    assert not said.control_flow
    assert not said.dynamic


def test_the_hash_is_of_the_structure_alone():
    assert summary(dense(1.0)).hash == summary(dense(2.0)).hash
    assert summary(dense()).hash != summary(dense(size=5)).hash
    assert summary(dense()).hash != summary(replace(dense(), relaxed=True)).hash


def test_the_hash_does_not_depend_on_an_extension_s_number():
    def using(prefix):
        operand = Operand(prefix << 16 | 3, lifetime=Lifetime.SUBGRAPH_INPUT)
        main = dense().main
        main = replace(main, operands=(*main.operands, operand))
        return Model(main, extensions=(Extension("com.example.x", prefix),))

    assert summary(using(1)).hash == summary(using(7)).hash


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([T.TENSOR_FLOAT32, T.FLOAT32, T.TENSOR_INT32], DataClass.FLOAT32),
        ([T.TENSOR_FLOAT16], DataClass.FLOAT16),
        ([T.TENSOR_QUANT8_ASYMM, T.TENSOR_QUANT16_SYMM], DataClass.QUANT),
        ([T.TENSOR_QUANT8_SYMM_PER_CHANNEL], DataClass.QUANT),
        ([T.TENSOR_FLOAT32, T.TENSOR_QUANT8_ASYMM], DataClass.MIXED),
        ([T.TENSOR_BOOL8, T.INT32], DataClass.UNKNOWN),
        ([0x10003, T.TENSOR_BOOL8], DataClass.OTHER),
        ([], DataClass.UNKNOWN),
    ],
)
def test_data_classes(types, expected):
    assert telemetry.data_class(Operand(each) for each in types) is expected


def test_open_dimensions_are_dynamic():
    model = dense()
    operands = tuple(
        replace(operand, dimensions=(0, 3)) if operand.lifetime is Lifetime.SUBGRAPH_OUTPUT else operand
        for operand in model.main.operands
    )
    assert summary(replace(model, main=replace(model.main, operands=operands))).dynamic


def test_only_functions_are_called():
    with pytest.raises(BadDataError, match="it must be a function of one record"):
        set_telemetry("print")


@pytest.fixture
def compilation(add_model, device):
    compilation = Compilation(add_model(), [device])
    compilation.set_preference(PreferenceCode.LOW_POWER)
    return compilation


def computed(compilation):
    execution = Execution(compilation)
    for index in range(2):
        execution.set_input(index, np.ones((2, 3), np.float32))
    output = np.zeros((2, 3), np.float32)
    execution.set_output(0, output)
    execution.compute()
    return output


def test_a_compilation_and_its_executions_are_recorded(records, compilation):
    compilation.finish()
    computed(compilation)
    computed(compilation)
    compiled, first, second = records
    assert (compiled.devices, compiled.preference, compiled.priority) == (
        ("reference",),
        PreferenceCode.LOW_POWER,
        Priority.MEDIUM,
    )
    assert [(step.device, step.operations) for step in compiled.steps] == [("reference", 1)]
    assert compiled.result is first.result is ResultCode.NO_ERROR
    assert 0 < compiled.seconds < 10
    assert compiled.model == first.model == second.model
    assert first.mode is telemetry.Mode.SYNC
    (step,) = first.report.steps
    assert (step.device, step.timing.in_driver) == ("reference", 2000), "it is measured because it is recorded"


def test_the_mode_is_recorded(records, compilation):
    compilation.finish()
    execution = Execution(compilation)
    for index in range(2):
        execution.set_input(index, np.ones((2, 3), np.float32))
    execution.set_output(0, np.zeros((2, 3), np.float32))
    execution.start_compute().wait()
    assert records[1].mode is telemetry.Mode.ASYNC


def test_failures_are_recorded_with_their_codes(records, compilation, device):
    device.on_prepare = lambda: _raise(OutOfMemoryError("too large"))
    with pytest.raises(OutOfMemoryError):
        compilation.finish()
    assert (records[0].result, records[0].steps) == (ResultCode.OUT_OF_MEMORY, ())


def test_a_failed_execution_is_recorded_with_what_failed(records, compilation, device):
    compilation.finish()
    device.on_execute = lambda: _raise(OpFailedError("broken"))
    with pytest.raises(OpFailedError):
        computed(compilation)
    failed = records[1]
    assert failed.result is ResultCode.OP_FAILED
    (failure,) = failed.report.failures
    assert (failure.device, failure.sentence, failure.again_on) == ("reference", "broken", None)


def _raise(error):
    raise error


def test_a_callback_that_raises_is_logged_and_breaks_nothing(compilation, caplog):
    set_telemetry(lambda record: _raise(ValueError("my own mistake")))
    try:
        compilation.finish()
        assert (computed(compilation) == 2).all()
    finally:
        set_telemetry(None)
    assert caplog.text.count("ValueError: my own mistake") == 2


def test_nobody_is_told_when_nobody_asked(records, compilation):
    set_telemetry(None)
    compilation.finish()
    computed(compilation)
    assert not records
