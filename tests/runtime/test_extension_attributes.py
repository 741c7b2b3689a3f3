"""What applications tell devices beside, of vendors' extensions: as drivers get it."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

from hal.errors import BadDataError, BadStateError, UnexpectedNullError
from hal.memory import runtime_directory
from runtime.burst import Burst
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.model import Model

ROOT = Path(__file__).parents[2]
NAME = "com.example.signal"
SERVER = """
import json, runpy, sys
from drivers.sdk import serve

example = runpy.run_path(sys.argv[1])

def tell(what, attributes):
    told = [[each.extension, each.code, each.data.decode()] for each in attributes]
    print(json.dumps([what, *told]), flush=True)

class Told(example["SignalProcessor"]):
    def prepare_model(self, model, options, progress):
        tell("prepare", options.attributes)
        prepared = super().prepare_model(model, options, progress)
        execute = prepared.execute
        def told(request):
            tell("execute", request.attributes)
            return execute(request)
        prepared.execute = told
        return prepared

if __name__ == "__main__":
    serve(Told(), sys.argv[2], insecure=True, ready=lambda address: print(address, flush=True))
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """The process of a driver that prints the attributes that it gets."""
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    address = f"unix:{runtime_directory()}/{uuid.uuid4().hex[:8]}.socket"
    service = subprocess.Popen(
        [sys.executable, program, ROOT / "docs/examples/extension.py", address],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert service.stdout.readline().strip() == address
    monkeypatch.setenv("NNHAL_DEVICES", f"cpu,signal={address}")
    yield service
    service.kill()
    service.communicate()


def fourier():
    model = Model()
    signal = model.add_operand(3, (8,))
    result = model.add_operand(model.get_extension_operand_type(NAME, 0), (5,))
    model.add_operation(model.get_extension_operation_type(NAME, 0), [signal], [result])
    model.identify_inputs_and_outputs([signal], [result])
    model.finish()
    return model


def execution_of(compilation):
    execution = Execution(compilation)
    execution.set_input(0, np.arange(8, dtype=np.float32))
    execution.set_output(0, np.zeros(5, np.complex64))
    return execution


def test_a_driver_gets_what_the_application_says(driver):
    compilation = Compilation(fourier(), ["signal"])
    compilation.add_extension_attribute(NAME, 3, b"calmly")
    compilation.add_extension_attribute(NAME, 65535, b"")
    compilation.finish()
    assert json.loads(driver.stdout.readline()) == ["prepare", [NAME, 3, "calmly"], [NAME, 65535, ""]]
    plain, other = execution_of(compilation), execution_of(compilation)
    other.add_extension_attribute(NAME, 4, b"boldly")
    with Burst(compilation) as burst:
        for execution, told in ((plain, []), (other, [[NAME, 4, "boldly"]])):
            execution.set_reusable(True)
            for compute in (execution.compute, lambda execution=execution: execution.burst_compute(burst)):
                for _ in range(2):
                    compute()
                    assert json.loads(driver.stdout.readline()) == ["execute", *told]


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (BadDataError, ("com.example.other", 0, b"")),
        (BadDataError, (NAME, 65536, b"")),
        (BadDataError, (NAME, -1, b"")),
        (BadDataError, (NAME, 0, "text")),
        (UnexpectedNullError, (None, 0, b"")),
        (UnexpectedNullError, (NAME, 0, None)),
    ],
)
def test_what_is_no_attribute_is_refused(driver, error, arguments):
    compilation = Compilation(fourier(), ["signal"])
    with pytest.raises(error):
        compilation.add_extension_attribute(*arguments)
    compilation.finish()
    with pytest.raises(error):
        execution_of(compilation).add_extension_attribute(*arguments)


def test_an_attribute_is_added_once_and_in_time(driver):
    compilation = Compilation(fourier(), ["signal"])
    compilation.add_extension_attribute(NAME, 0, b"a")
    with pytest.raises(BadDataError, match="added already"):
        compilation.add_extension_attribute(NAME, 0, b"b")
    compilation.finish()
    with pytest.raises(BadStateError):
        compilation.add_extension_attribute(NAME, 1, b"a")
    execution = execution_of(compilation)
    execution.compute()
    with pytest.raises(BadStateError):
        execution.add_extension_attribute(NAME, 1, b"a")
