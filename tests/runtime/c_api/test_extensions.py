"""Vendors' extensions by calls of C, with the driver that the documentation shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hal.types import ResultCode
from tests.drivers.sdk.conftest import Service, new_socket
from tests.runtime.c_api import clients

R = ResultCode
ROOT = Path(__file__).parents[3]
NAME = "com.example.signal"
SERVER = """
import runpy, sys
from drivers.sdk import serve
if __name__ == "__main__":
    example = runpy.run_path(sys.argv[2])["SignalProcessor"]
    serve(example(), sys.argv[1], insecure=True, ready=lambda address: print(address, flush=True))
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    program = tmp_path_factory.mktemp("extension") / "server.py"
    program.write_text(SERVER)
    started = Service(new_socket(), program, ROOT / "docs/examples/extension.py")
    yield started
    started.end()


@pytest.fixture(autouse=True)
def devices(service, monkeypatch):
    monkeypatch.setenv("NNHAL_DEVICES", f"cpu,signal={service.address}")


@pytest.fixture
def name(nn):
    return nn.ffi.new("char[]", NAME.encode())


@pytest.fixture
def other_names(nn):
    """What no device knows, and what no name can be."""
    return [
        nn.ffi.new("char[]", each) for each in (b"com.example.other", b"", b"noperiod", b"com.Example", b"\xff.\xfe")
    ]


def code_of(nn, model, what, number, name):
    """The code of an extension's operand or operation type."""
    place = nn.ffi.new("int32_t*")
    clients.ok(getattr(nn.lib, f"ANeuralNetworksModel_getExtension{what}Type")(model, name, number, place))
    return place[0]


def fourier(nn, name):
    """A model of the extension's operation, from 8 numbers to 5 complex ones."""
    model = clients.new_model(nn)
    clients.add_operand(nn, model, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, (8,))
    clients.add_operand(nn, model, code_of(nn, model, "Operand", 0, name), (5,))
    clients.add_operation(nn, model, code_of(nn, model, "Operation", 0, name), [0], [1])
    clients.identify(nn, model, [0], [1])
    clients.ok(nn.lib.ANeuralNetworksModel_finish(model))
    return model


def test_which_devices_know_an_extension(nn, name, other_names):
    ask, found, null = nn.lib.ANeuralNetworksDevice_getExtensionSupport, nn.ffi.new("bool*"), nn.ffi.NULL
    assert ask(null, name, found) == R.UNEXPECTED_NULL
    for which, device in clients.devices(nn).items():
        assert ask(device, null, found) == R.UNEXPECTED_NULL
        assert ask(device, name, null) == R.UNEXPECTED_NULL
        clients.ok(ask(device, name, found))
        assert found[0] == (which == "signal")
        for other in other_names[:4]:
            clients.ok(ask(device, other, found))
            assert not found[0]


@pytest.mark.parametrize("what", ["Operand", "Operation"])
def test_types_have_codes(nn, name, other_names, what):
    get, place, null = (
        getattr(nn.lib, f"ANeuralNetworksModel_getExtension{what}Type"),
        nn.ffi.new("int32_t*"),
        nn.ffi.NULL,
    )
    model = clients.new_model(nn)
    assert get(null, name, 0, place) == R.UNEXPECTED_NULL
    assert get(model, null, 0, place) == R.UNEXPECTED_NULL
    assert get(model, name, 0, null) == R.UNEXPECTED_NULL
    for other in other_names:
        assert get(model, other, 0, place) == R.BAD_DATA
    codes = [code_of(nn, model, what, number, name) for number in (0, 1, 65535)]
    assert [code & 0xFFFF for code in codes] == [0, 1, 65535]
    assert len({code >> 16 for code in codes}) == 1
    assert codes[0] >> 16 > 0


def test_an_operation_of_an_extension_computes(nn, name):
    model = fourier(nn, name)
    supported = nn.ffi.new("bool*")
    for which, device in clients.devices(nn).items():
        chosen = nn.ffi.new("ANeuralNetworksDevice*[]", [device])
        clients.ok(nn.lib.ANeuralNetworksModel_getSupportedOperationsForDevices(model, chosen, 1, supported))
        assert supported[0] == (which == "signal")
    execution = clients.new_execution(nn, clients.new_compilation(nn, model, ["signal"]))
    signal, spectrum = np.array([1, 5, -2, 3, 0, 0, 7, 4], np.float32), np.zeros(5, np.complex64)
    clients.set_input(nn, execution, 0, signal)
    clients.set_output(nn, execution, 0, spectrum)
    clients.ok(nn.lib.ANeuralNetworksExecution_compute(execution))
    np.testing.assert_allclose(spectrum, np.fft.rfft(signal), rtol=1e-6)


def test_too_little_room_is_the_driver_s_to_say(nn, name):
    execution = clients.new_execution(nn, clients.new_compilation(nn, fourier(nn, name), ["signal"]))
    signal, spectrum, rank = np.zeros(8, np.float32), np.zeros(4, np.complex64), nn.ffi.new("uint32_t*")
    clients.set_input(nn, execution, 0, signal)
    clients.set_output(nn, execution, 0, spectrum)
    assert nn.lib.ANeuralNetworksExecution_compute(execution) == R.OUTPUT_INSUFFICIENT_SIZE
    nn.lib.ANeuralNetworksExecution_getOutputOperandRank(execution, 0, rank)
    assert rank[0] == 1


def test_data_for_an_operand(nn, name):
    call, model, null = nn.lib.ANeuralNetworksModel_setOperandExtensionData, clients.new_model(nn), nn.ffi.NULL
    clients.add_operand(nn, model, code_of(nn, model, "Operand", 1, name), (2,))
    clients.add_operand(nn, model, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2,))
    data = nn.ffi.new("int32_t*", 42)
    assert call(null, 0, data, 4) == R.UNEXPECTED_NULL
    assert call(model, 0, null, 4) == R.UNEXPECTED_NULL
    assert call(model, 0, data, 0) == R.BAD_DATA
    for index in (-1, 1, 2):
        assert call(model, index, data, 4) == R.BAD_DATA
    assert call(model, 0, null, 0) == R.NO_ERROR
    assert call(model, 0, data, 4) == R.NO_ERROR


def check_attributes(nn, call, which, name, other_names):
    """Of a compilation or execution for one chosen device that is neither finished nor begun."""
    null, data = nn.ffi.NULL, nn.ffi.new("char*", b"x")
    assert call(null, name, 0, data, 1) == R.UNEXPECTED_NULL
    assert call(which, null, 0, data, 1) == R.UNEXPECTED_NULL
    assert call(which, name, 0, null, 1) == R.UNEXPECTED_NULL
    for other in other_names:
        assert call(which, other, 0, data, 1) == R.BAD_DATA
    assert call(which, name, 0, data, 1) == R.NO_ERROR
    assert call(which, name, 2, data, 1) == R.NO_ERROR
    assert call(which, name, 0, data, 1) == R.BAD_DATA  # again
    assert call(which, name, 65535, null, 0) == R.NO_ERROR


def test_attributes_of_compilations(nn, name, other_names):
    call, data = nn.lib.ANeuralNetworksCompilation_addExtensionAttribute, nn.ffi.new("char*", b"x")
    compilation = clients.new_compilation(nn, fourier(nn, name), ["signal"], finish=False)
    check_attributes(nn, call, compilation, name, other_names)
    clients.ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
    assert call(compilation, name, 7, data, 1) == R.BAD_STATE


def test_attributes_of_executions(nn, name, other_names):
    call, data = nn.lib.ANeuralNetworksExecution_addExtensionAttribute, nn.ffi.new("char*", b"x")
    execution = clients.new_execution(nn, clients.new_compilation(nn, fourier(nn, name), ["signal"]))
    check_attributes(nn, call, execution, name, other_names)
    signal, spectrum = np.zeros(8, np.float32), np.zeros(5, np.complex64)
    clients.set_input(nn, execution, 0, signal)
    clients.set_output(nn, execution, 0, spectrum)
    clients.ok(nn.lib.ANeuralNetworksExecution_compute(execution))
    assert call(execution, name, 7, data, 1) == R.BAD_STATE


@pytest.mark.parametrize("names", [None, ["cpu", "signal"]])
def test_attributes_need_one_chosen_device(nn, name, names):
    data = nn.ffi.new("char*", b"x")
    compilation = clients.new_compilation(nn, clients.add_model(nn), names, finish=False)
    assert nn.lib.ANeuralNetworksCompilation_addExtensionAttribute(compilation, name, 0, data, 1) == R.BAD_DATA
    clients.ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
    execution = clients.new_execution(nn, compilation)
    assert nn.lib.ANeuralNetworksExecution_addExtensionAttribute(execution, name, 0, data, 1) == R.BAD_DATA
