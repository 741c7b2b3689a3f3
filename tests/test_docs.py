"""What the documentation shows works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
WITH_PYTORCH = "import torch\n"
SNIPPETS = [
    pytest.param(code, id=f"{page.name}-{number}", marks=[pytest.mark.slow] if WITH_PYTORCH in code else [])
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_python_snippets_run(code, tmp_path):
    command = [sys.executable, "-c", code]
    done = with_nnapi(command, tmp_path) if WITH_PYTORCH in code else run(command, tmp_path)
    assert done.returncode == 0, done.stderr


def run(command, folder, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)


def with_nnapi(command, folder, **environment):
    """As its page tells to: a script of PyTorch's is started by nnhal."""
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'nnhal[torch]'")
    return run([sys.executable, "-m", "tools.cli", "exec", "--", *command], folder, **environment)


@pytest.mark.slow
@pytest.mark.parametrize(("device", "kind", "least"), [("gpu", "float", 50), ("dsp", "int8", 25), ("npu", "int8", 25)])
def test_a_network_of_pytorch_runs_on_each_device(tmp_path, device, kind, least):
    """``least``: of decibels between PyTorch's own result and what is beside it; QNNPACK rounds in its own way."""
    example = ROOT / "docs/examples/mobilenet_v2.py"
    done = with_nnapi([sys.executable, example, kind], tmp_path, NNHAL_DEVICES=f"cpu,{device}")
    assert done.returncode == 0, done.stderr
    steps = dict(re.findall(r"(\w+): (\d+) operations", done.stdout))
    assert int(steps[device]) > 10 * int(steps.get("cpu", 0)), done.stdout
    assert float(re.search(r"noise (\S+) dB", done.stdout)[1]) > least
    assert "the same class: True" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_make_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"(?:^|\()make ([a-z./]+)", page.read_text(), re.MULTILINE):
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


def test_the_vendor_example_is_found_and_used(tmp_path):
    address = f"unix:{tmp_path}/adder.sock"
    program = ROOT / "docs/examples/adder.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NNHAL_DEVICES": f"cpu,adder={address}"}
    service = subprocess.Popen([sys.executable, program, address], env=environment)
    try:
        code = f"""
import time
import numpy as np
import nnhal
while not __import__("os").path.exists("{tmp_path}/adder.sock"):
    time.sleep(0.05)
model = nnhal.Model()
tensor = nnhal.OperandType.TENSOR_FLOAT32
a, b, c = (model.add_operand(tensor, (3,)) for _ in range(3))
none = model.add_operand(nnhal.OperandType.INT32)
model.set_operand_value(none, np.int32(0))
model.add_operation(nnhal.OperationType.ADD, [a, b, none], [c])
model.identify_inputs_and_outputs([a, b], [c])
model.finish()
compiled = nnhal.compile(model, devices=["adder"])
print([device.info.name for device in nnhal.devices()], compiled.run([np.ones(3, np.float32)] * 2)[0].tolist())
"""
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
        assert done.stdout == "['cpu', 'adder'] [2.0, 2.0, 2.0]\n", done.stderr
    finally:
        service.kill()
        service.wait()
