"""Ten thousand executions over four devices in which everything goes wrong now and then."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from drivers.sdk.descriptions import shipped_text, variants
from hal import reference
from hal.errors import NnapiError
from hal.faults import FaultKind
from hal.types import FuseCode, OperandType, OperationType, PaddingCode
from runtime import process
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.model import Model
from tests.driver_processes import driver_processes
from tools.conformance.case import Case, fault

EXECUTIONS = 10_000
THREADS = 4
PATIENCE = 1.0
CHANCES = {
    FaultKind.DIE: 0.001,
    FaultKind.HANG: 0.0005,
    FaultKind.SLOW: 0.01,
    FaultKind.EXHAUSTED: 0.02,
    FaultKind.WRONG_SIZES: 0.02,
    FaultKind.REFUSE_CACHE: 0.3,
}
DEVICES = ("cpu", "gpu", "dsp", "npu")
TAKEN = {"cpu": "float", "gpu": "relaxed", "dsp": "unsigned", "npu": "signed"}


def convolution(operand_type, scale=0.0, zero_point=0, relaxed=False):
    """A convolution, an activation and an addition of the input, over 8 x 8 pixels of 4 channels."""
    model = Model()
    generator = np.random.default_rng(7)
    quantized = scale > 0
    x, convolved, activated, y = (
        model.add_operand(operand_type, (1, 8, 8, 4), each, zero_point if quantized else 0)
        for each in ((scale, 2 * scale, scale, 2 * scale) if quantized else (0.0,) * 4)
    )
    weights = generator.integers(-40, 40, (4, 3, 3, 4))
    filters = model.add_operand(operand_type, (4, 3, 3, 4), scale / 4, zero_point if quantized else 0)
    if quantized:
        bias_type, bias_scale = OperandType.TENSOR_INT32, np.float32(scale) * np.float32(scale / 4)
        model.set_operand_value(filters, (weights + zero_point).astype(operand_type.dtype))
    else:
        bias_type, bias_scale = operand_type, 0.0
        model.set_operand_value(filters, (weights / 400).astype(operand_type.dtype))
    bias = model.add_operand(bias_type, (4,), float(bias_scale))
    model.set_operand_value(bias, np.arange(4, dtype=bias_type.dtype))

    def scalar(value):
        index = model.add_operand(OperandType.INT32)
        model.set_operand_value(index, value)
        return index

    window = [scalar(PaddingCode.SAME), scalar(1), scalar(1), scalar(FuseCode.NONE)]
    model.add_operation(OperationType.CONV_2D, [x, filters, bias, *window], [convolved])
    model.add_operation(OperationType.MAXIMUM, [x, x], [activated])
    model.add_operation(OperationType.ADD, [convolved, activated, scalar(FuseCode.RELU)], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.relax_computation_float32_to_float16(relaxed)
    model.finish()
    return model


def models():
    return {
        "float": convolution(OperandType.TENSOR_FLOAT32),
        "relaxed": convolution(OperandType.TENSOR_FLOAT32, relaxed=True),
        "unsigned": convolution(OperandType.TENSOR_QUANT8_ASYMM, 0.02, 128),
        "signed": convolution(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, 0.02, 0),
    }


def cases(model, seed):
    """Inputs for the model, with the results that they must give."""
    generator = np.random.default_rng(seed)
    operand = model.canonical.main.operands[model.canonical.main.inputs[0]]
    found = []
    for _ in range(6):
        value = (
            generator.integers(0, 255, operand.dimensions).astype(np.uint8).view(operand.type.dtype)
            if operand.type.has_scale
            else generator.uniform(-1, 1, operand.dimensions).astype(operand.type.dtype)
        )
        found.append(Case("", model.canonical, (value,), tuple(reference.run(model.canonical, [value]))))
    return found


@dataclass
class Tally:
    results: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    slowest: float = 0.0


class Client(threading.Thread):
    """Compiles, executes and compares; starts again from compiling when a driver has died."""

    def __init__(self, number, built, work, cache, tally):
        super().__init__(daemon=True)
        self.random = random.Random(number)
        self.built, self.work, self.cache, self.tally = built, work, cache, tally
        self.compiled = {}

    def run(self):
        while self.work.acquire(blocking=False):
            device = self.random.choice([*DEVICES, None])
            name = self.random.choice(list(self.built)) if device is None else TAKEN[device]
            start = time.monotonic()
            try:
                outcome = self.execute(device, name)
            except NnapiError as error:
                outcome = error.code.name
                self.forget(device, name)
            except BaseException as error:  # noqa: BLE001 -- the test is to show it
                self.tally.wrong.append(repr(error))
                outcome = "raised something else"
            self.tally.slowest = max(self.tally.slowest, time.monotonic() - start)
            self.tally.results["all devices" if device is None else device, outcome] += 1
        for key in list(self.compiled):
            self.forget(*key)

    def execute(self, device, name):
        model, known = self.built[name]
        if (device, name) not in self.compiled:
            compilation = Compilation(model, None if device is None else [device])
            compilation.set_patience(PATIENCE)
            compilation.set_caching(self.cache, name.encode().ljust(32, b"."))
            compilation.finish()
            self.compiled[device, name] = compilation
        case = self.random.choice(known)
        output = np.zeros_like(case.expected[0])
        execution = Execution(self.compiled[device, name])
        execution.set_input(0, case.inputs[0])
        execution.set_output(0, output)
        if self.random.random() < 0.5:
            execution.compute()
        else:
            execution.start_compute().wait()
        found = fault(case, [output])
        if found is not None:
            self.tally.wrong.append(f"{name} on {device}: {found.reason}")
            return "wrong"
        return "right, after another try" if execution.report.failures else "right"

    def forget(self, device, name):
        compilation = self.compiled.pop((device, name), None)
        if compilation is not None:
            compilation.close()


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """All four devices, with faults of every kind in their descriptions, so that they outlive a restart."""
    faults = "".join(
        f'\n[[faults]]\nkind = "{kind.value}"\nprobability = {chance}\nseed = {seed}\n'
        + ("factor = 3.0\n" if kind is FaultKind.SLOW else "")
        for seed, (kind, chance) in enumerate(CHANCES.items())
    )
    for name in DEVICES:
        package = f"drivers.{name}"
        (tmp_path / f"{name}.toml").write_text(shipped_text(package, variants(package)[0]) + faults)
    monkeypatch.setenv("NNHAL_DEVICES", ",".join(f"{name}={tmp_path / name}.toml" for name in DEVICES))
    yield
    monkeypatch.undo()


def regions():
    return {path.name for path in process.folder().path.iterdir() if path.is_symlink()}


def settled(measure, limit, seconds=20.0):
    """What ``measure`` says once it is at most ``limit``, or when it will not be."""
    end = time.monotonic() + seconds
    while True:
        gc.collect()
        found = measure()
        if len(found) <= limit or time.monotonic() > end:
            return found
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_goes_wrong_results_are_right_or_an_error_code_and_nothing_stays_behind(faulty, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    built = {name: (model, cases(model, seed)) for seed, (name, model) in enumerate(models().items())}
    threads_before, regions_before = set(threading.enumerate()), regions()
    work, tally = threading.Semaphore(EXECUTIONS), Tally()
    clients = [Client(number, built, work, cache, tally) for number in range(THREADS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(timeout=800)
    assert not any(client.is_alive() for client in clients), "an execution hangs"
    print(*sorted(tally.results.items()), f"the slowest took {tally.slowest:.1f} s", sep="\n")
    assert not tally.wrong, tally.wrong[:10]
    assert tally.results.total() == EXECUTIONS
    for device in DEVICES:  # every fault was met, and most executions were not hit by one
        codes = {outcome for (where, outcome) in tally.results if where == device}
        assert {"right", "DEAD_OBJECT", "RESOURCE_EXHAUSTED_TRANSIENT", "OP_FAILED"} <= codes, (device, codes)
        executed = sum(count for (where, _), count in tally.results.items() if where == device)
        assert tally.results[device, "right"] > 0.8 * executed
    assert tally.results["all devices", "right, after another try"] > 0
    del client, clients
    running = settled(lambda: set(threading.enumerate()) - threads_before, 0)
    assert not running
    assert len(settled(lambda: regions() - regions_before, 0)) == 0
    assert len(driver_processes()) <= len(DEVICES)
