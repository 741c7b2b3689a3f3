"""Vendor extensions, through the driver that the documentation shows: own types, own operation, own bytes."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

from hal.errors import BadDataError, BadStateError, OutputInsufficientSizeError, UnexpectedNullError
from hal.memory import runtime_directory
from hal.model import Extension, Lifetime
from hal.types import OperandType, OperationType
from runtime.compilation import Compilation
from runtime.compiled import compile_model
from runtime.discovery import device
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model

ROOT = Path(__file__).parents[2]
NAME = "com.example.signal"
VALUES = np.array([1, 5, -2, 3, 0, 0, 7, 4], np.float32)
SERVER = """
import runpy, sys
from drivers.sdk import serve
if __name__ == "__main__":
    example = runpy.run_path(sys.argv[1])["SignalProcessor"]
    serve(example(), sys.argv[2], insecure=True, ready=lambda address: print(address, flush=True))
"""


@pytest.fixture(scope="module", params=["unix", "network"])
def address(request, tmp_path_factory):
    """Of the example's driver, on this machine and as if on another one."""
    program = tmp_path_factory.mktemp("extension") / "server.py"
    program.write_text(SERVER)
    wanted = f"unix:{runtime_directory()}/{uuid.uuid4().hex[:8]}.socket" if request.param == "unix" else "127.0.0.1:0"
    service = subprocess.Popen(
        [sys.executable, program, ROOT / "docs/examples/extension.py", wanted],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    yield service.stdout.readline().strip()
    service.kill()
    service.wait()


@pytest.fixture(autouse=True)
def devices(address, monkeypatch):
    monkeypatch.setenv("NNHAL_DEVICES", f"cpu,signal={address}")


def fourier(size=8, spectrum=(5,), finish=True):
    model = Model()
    signal = model.add_operand(OperandType.TENSOR_FLOAT32, (size,))
    result = model.add_operand(model.get_extension_operand_type(NAME, 0), spectrum)
    model.add_operation(model.get_extension_operation_type(NAME, 0), [signal], [result])
    model.identify_inputs_and_outputs([signal], [result])
    if finish:
        model.finish()
    return model


def execution(model):
    compilation = Compilation(model, ["signal"])
    compilation.finish()
    return Execution(compilation)


def test_devices_name_their_extensions():
    assert device("signal").extension_support(NAME)
    assert not device("signal").extension_support("com.example.other")
    assert not device("cpu").extension_support(NAME)


def test_an_operation_of_an_extension_computes():
    running = execution(fourier())
    spectrum = np.zeros(5, np.complex64)
    running.set_input(0, VALUES)
    running.set_output(0, spectrum)
    running.compute()
    np.testing.assert_allclose(spectrum, np.fft.rfft(VALUES), rtol=1e-6)
    assert running.get_output_operand_dimensions(0) == (5,)


def test_values_of_its_types_may_be_in_memories():
    running = execution(fourier(spectrum=()))
    signal, spectrum = Memory.from_array(VALUES), Memory.from_array(np.zeros(5, np.complex64))
    running.set_input_from_memory(0, signal, 0, VALUES.nbytes)
    running.set_output_from_memory(0, spectrum, 0, 40)
    running.compute()
    np.testing.assert_allclose(spectrum.data.view(np.complex64), np.fft.rfft(VALUES), rtol=1e-6)


def test_too_little_room_is_the_driver_s_to_say():
    running = execution(fourier())
    running.set_input(0, VALUES)
    running.set_output(0, bytearray(39))
    with pytest.raises(OutputInsufficientSizeError, match="too small for its spectrum"):
        running.compute()
    assert running.get_output_operand_dimensions(0) == (5,)


def test_the_model_names_the_extensions_that_it_uses():
    model = fourier().canonical
    (extension,) = model.extensions
    assert extension == Extension(NAME, model.main.operands[1].type >> 16)
    assert model.extension_type(model.main.operations[0].type) == (NAME, 0)
    assert model.extension_type(OperationType.ADD) is None
    assert fourier(finish=False).get_extension_operand_type(NAME, 7) & 0xFFFF == 7


def test_constants_of_its_types_are_bytes():
    model = fourier(finish=False)
    constants = [model.add_operand(model.get_extension_operand_type(NAME, 3), shape) for shape in ((), (4,), (9, 9))]
    model.set_operand_value(constants[0], b"\1\2\3")
    model.set_operand_value(constants[1], np.arange(40, dtype=np.complex64))
    model.set_operand_value_from_memory(constants[2], Memory.from_array(VALUES), 4, 8)
    model.set_operand_extension_data(constants[2], b"parameters")
    model.finish()
    first, second, third = (model.canonical.main.operands[index] for index in constants)
    assert first.value.tobytes() == b"\1\2\3"
    np.testing.assert_array_equal(second.value.view(np.complex64), np.arange(40))
    np.testing.assert_array_equal(third.value.view(np.float32), VALUES[1:3])
    assert (third.lifetime, third.extension_data) == (Lifetime.CONSTANT_REFERENCE, b"parameters")
    Compilation(model, ["signal"]).finish()  # over the wire, and validated there


def test_what_it_refuses_is_said_in_the_driver_s_words():
    model = Model()
    signal = model.add_operand(OperandType.TENSOR_FLOAT32, (8,))
    result = model.add_operand(OperandType.TENSOR_FLOAT32, (5,))
    model.add_operation(model.get_extension_operation_type(NAME, 0), [signal], [result])
    model.identify_inputs_and_outputs([signal], [result])
    model.finish()
    (support,) = device("signal").supported_operations(model.canonical)
    assert support.refusal == "FOURIER makes one COMPLEX tensor of one TENSOR_FLOAT32"
    (support,) = device("cpu").supported_operations(model.canonical)
    assert "extension" in support.refusal


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("signal", 0, "small letters, digits"),
        ("com.Example", 0, "small letters, digits"),
        (7, 0, "extension 7: a name is made"),
        ("com.example.unheard", 0, f"no device knows extension 'com.example.unheard'; known: {NAME}"),
        (NAME, -1, "numbered from 0 to 65535"),
        (NAME, 65536, "can't have a type 65536"),
        (NAME, 1.5, "is a number"),
    ],
)
def test_wrong_extension_types_are_refused(name, code, sentence):
    for get in (Model().get_extension_operand_type, Model().get_extension_operation_type):
        with pytest.raises(BadDataError, match=sentence):
            get(name, code)


def test_what_must_be_given_is_missed():
    for given in ((None, 0), (NAME, None)):
        with pytest.raises(UnexpectedNullError):
            Model().get_extension_operand_type(*given)
    with pytest.raises(BadStateError):
        fourier().get_extension_operation_type(NAME, 0)


def test_wrong_operands_of_its_types_are_refused():
    model = Model()
    kind = model.get_extension_operand_type(NAME, 0)
    with pytest.raises(BadDataError, match="has scale"):
        model.add_operand(kind, (3,), scale=0.5)
    with pytest.raises(BadDataError, match="can't have such a type"):
        model.add_operand(0x7FFF0000)  # of an extension that nobody has asked for
    with pytest.raises(BadDataError, match="NNAPI does not have type"):
        model.add_operation(0x7FFF0000, [], [])
    own, other = model.add_operand(kind), model.add_operand(OperandType.INT32)
    with pytest.raises(BadDataError, match="must be given as bytes"):
        model.set_operand_value(own, 3)
    with pytest.raises(BadDataError, match="INT32; only an extension's type"):
        model.set_operand_extension_data(other, b"x")
    with pytest.raises(BadDataError, match="as str; it must be bytes"):
        model.set_operand_extension_data(own, "x")


def test_arrays_of_its_types_are_unknown():
    with pytest.raises(BadDataError, match=r"output 0 is extension type .*; an Execution takes its bytes"):
        compile_model(fourier(), ["signal"])
