"""Compiled models in files, with a real driver."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hal.device import Cache
from hal.errors import BadDataError, BadStateError, OpFailedError, UnexpectedNullError
from hal.faults import Fault, FaultKind
from hal.types import OperandType, OperationType, PreferenceCode, Priority
from runtime import discovery
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.model import Model
from runtime.remote import RemoteDevice, RemotePreparedModel
from runtime.simulator import Simulator
from tests.runtime.test_control_flow_steps import branch, choice

TOKEN = bytes(range(32))
NAMES = [f"{TOKEN.hex()}-cpu-0.{end}" for end in ("0", "support")]
A = np.array([[1, -2, 3, 4]], np.float32)


@pytest.fixture(scope="module")
def cpu() -> Any:
    return discovery.device("cpu")


def model(bias: float = 0.5) -> Model:
    """A fully connected layer whose weights are too large to travel in a message."""
    built = Model()
    operands = [
        built.add_operand(OperandType.TENSOR_FLOAT32, dimensions) for dimensions in ([1, 4], [16, 4], [16], [1, 16])
    ]
    activation = built.add_operand(OperandType.INT32)
    built.set_operand_value(operands[1], np.arange(64, dtype=np.float32).reshape(16, 4))
    built.set_operand_value(operands[2], np.full(16, bias, np.float32))
    built.set_operand_value(activation, 0)
    built.add_operation(OperationType.FULLY_CONNECTED, [*operands[:3], activation], [operands[3]])
    built.identify_inputs_and_outputs([operands[0]], [operands[3]])
    built.finish()
    return built


def compiled(directory: Path, cpu: Any, bias: float = 0.5, **settings: Any) -> Compilation:
    compilation = Compilation(model(bias), [cpu])
    compilation.set_caching(directory, settings.pop("token", TOKEN))
    for name, value in settings.items():
        getattr(compilation, f"set_{name}")(value)
    compilation.finish()
    execution = Execution(compilation)
    output = np.zeros((1, 16), np.float32)
    execution.set_input(0, A)
    execution.set_output(0, output)
    execution.compute()
    np.testing.assert_array_equal(output, A @ np.arange(64, dtype=np.float32).reshape(16, 4).T + np.float32(bias))
    return compilation


class Prepared:
    """Counts how models get prepared, and how often a device is asked what it takes."""

    def __init__(self) -> None:
        self.anew, self.again, self.asked = 0, 0, 0


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    counts = Prepared()
    anew, again = RemoteDevice.prepare_model, RemoteDevice.prepare_from_cache
    asked = RemoteDevice.supported_operations

    def count_anew(*arguments: Any) -> Any:
        counts.anew += 1
        return anew(*arguments)

    def count_again(*arguments: Any) -> Any:
        result = again(*arguments)
        counts.again += 1
        return result

    def count_asked(*arguments: Any) -> Any:
        counts.asked += 1
        return asked(*arguments)

    monkeypatch.setattr(RemoteDevice, "supported_operations", count_asked)
    monkeypatch.setattr(RemoteDevice, "prepare_model", count_anew)
    monkeypatch.setattr(RemoteDevice, "prepare_from_cache", count_again)
    return counts


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_second_time_nothing_is_prepared_anew(tmp_path: Path, cpu: Any, prepared: Prepared) -> None:
    compiled(tmp_path, cpu)
    kept = files(tmp_path)
    assert sorted(kept) == NAMES
    compiled(tmp_path, cpu)
    assert (prepared.anew, prepared.again) == (1, 1)
    assert files(tmp_path) == kept


def test_a_device_that_takes_its_files_is_not_asked_again(tmp_path: Path, cpu: Any, prepared: Prepared) -> None:
    asked = compiled(tmp_path, cpu).plan
    kept = compiled(tmp_path, cpu).plan
    assert prepared.asked == 1
    assert (kept.answers, kept.steps, kept.cost) == (asked.answers, asked.steps, asked.cost)


def test_what_is_revived_and_not_needed_is_given_back(
    tmp_path: Path, cpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(tmp_path, cpu)
    closed = []

    def unplanned(*arguments: Any, **others: Any) -> None:
        raise OpFailedError("the plan fails")

    monkeypatch.setattr("runtime.compilation.plan_model", unplanned)
    monkeypatch.setattr(RemotePreparedModel, "close", lambda prepared: closed.append(prepared))
    with pytest.raises(OpFailedError, match="the plan fails"):
        compiled(tmp_path, cpu)
    assert len(closed) == 1


def test_a_device_is_asked_again_about_control_flow(tmp_path: Path, cpu: Any, prepared: Prepared) -> None:
    """What its branches cost is asked apart."""
    for _ in range(2):
        compilation = Compilation(choice(branch(OperationType.NEG), branch(OperationType.ABS)), [cpu])
        compilation.set_caching(tmp_path, TOKEN)
        compilation.finish()
    assert prepared.asked == 2 * 3
    assert (prepared.anew, prepared.again) == (1, 1)


PROGRAM = """
import sys
from pathlib import Path
from runtime import discovery
from runtime.remote import RemoteDevice
from tests.runtime.test_caching import compiled
RemoteDevice.prepare_model = None
compiled(Path(sys.argv[1]), discovery.device("cpu"))
print("from cache")
"""


def test_another_process_prepares_from_it(tmp_path: Path, cpu: Any) -> None:
    compiled(tmp_path, cpu)
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "from cache", done.stderr


@pytest.mark.parametrize("name", NAMES, ids=["the device's", "what it takes"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "swapped"])
def test_damaged_files_are_replaced(tmp_path: Path, cpu: Any, prepared: Prepared, damage: str, name: str) -> None:
    compiled(tmp_path, cpu)
    kept = files(tmp_path)
    good, path = kept[name], tmp_path / name
    if damage == "flipped":
        path.write_bytes(good[:-10] + bytes([good[-10] ^ 4]) + good[-9:])
    elif damage == "cut":
        path.write_bytes(good[:-1])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        (tmp_path / "other").mkdir()
        compiled(tmp_path / "other", cpu, token=bytes(32))
        shutil.copy(tmp_path / "other" / name.replace(TOKEN.hex(), bytes(32).hex()), path)
        shutil.rmtree(tmp_path / "other")
    prepared.anew = prepared.again = prepared.asked = 0
    compiled(tmp_path, cpu)
    assert (prepared.anew, prepared.again) == ((1, 0) if name == NAMES[0] else (0, 1))
    assert prepared.asked == 1
    assert files(tmp_path) == kept


def test_what_was_kept_for_something_else_is_not_used(tmp_path: Path, cpu: Any, prepared: Prepared) -> None:
    """The same token, so the same file; a weight makes the difference."""
    compiled(tmp_path, cpu)
    compiled(tmp_path, cpu, bias=1.5)
    compiled(tmp_path, cpu, bias=1.5)
    compiled(tmp_path, cpu, bias=1.5, preference=PreferenceCode.LOW_POWER)
    compiled(tmp_path, cpu, bias=1.5, priority=Priority.HIGH)
    assert (prepared.anew, prepared.again) == (4, 1)
    assert sorted(files(tmp_path)) == NAMES
    compiled(tmp_path, cpu, token=bytes(32))
    assert len(files(tmp_path)) == 2 * len(NAMES)


@pytest.fixture
def refusing(cpu: Any) -> Iterator[None]:
    Simulator(cpu).set_faults([Fault(kind=FaultKind.REFUSE_CACHE, every=1)])
    yield
    Simulator(cpu).set_faults([])


def test_a_refused_cache_costs_time_only(tmp_path: Path, cpu: Any, prepared: Prepared, refusing: None) -> None:
    compiled(tmp_path, cpu)
    compiled(tmp_path, cpu)
    assert (prepared.anew, prepared.again) == (2, 0)


def test_many_at_once(tmp_path: Path, cpu: Any, prepared: Prepared) -> None:
    failures = []

    def work() -> None:
        try:
            for _ in range(5):
                compiled(tmp_path, cpu)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(files(tmp_path)) == NAMES, "partial files are left"
    assert prepared.again > 0


@pytest.mark.parametrize("name", ["cpu", "gpu", "dsp", "npu"])
def test_every_device_of_ours_keeps_models(tmp_path: Path, prepared: Prepared, name: str) -> None:
    built = Model()
    for _ in range(2):
        built.add_operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, [1, 4, 4, 8], 0.5)
    built.add_operation(OperationType.RELU, [0], [1])
    built.identify_inputs_and_outputs([0], [1])
    built.finish()
    for _ in range(2):
        compilation = Compilation(built, [name])
        compilation.set_caching(tmp_path, TOKEN)
        compilation.finish()
        execution = Execution(compilation)
        given = np.arange(-64, 64, dtype=np.int8).reshape(1, 4, 4, 8)
        output = np.zeros_like(given)
        execution.set_input(0, given)
        execution.set_output(0, output)
        execution.compute()
        np.testing.assert_array_equal(output, np.maximum(given, 0))
    assert (prepared.anew, prepared.again) == (1, 1)


def test_a_directory_that_has_gone(tmp_path: Path, cpu: Any) -> None:
    directory = tmp_path / "cache"
    directory.mkdir()
    compilation = Compilation(model(), [cpu])
    compilation.set_caching(directory, TOKEN)
    directory.rmdir()
    compilation.finish()


def test_a_device_that_keeps_nothing(tmp_path: Path, device: Any) -> None:
    compilation = Compilation(model(), [device])
    compilation.set_caching(tmp_path, TOKEN)
    compilation.finish()
    assert files(tmp_path) == {}
    assert device.options[0].cache is None


def test_each_step_has_its_own_file(tmp_path: Path, new_device: Any) -> None:
    class Keeping(type(new_device("x"))):  # type: ignore[misc]
        """Keeps its name."""

        @property
        def info(self) -> Any:
            from dataclasses import replace

            return replace(super().info, model_cache_files=2, data_cache_files=1)

        def prepare_model(self, model: Any, options: Any, progress: Any) -> Any:
            for file in (*options.cache.model_files, *options.cache.data_files):
                file.write(self.name.encode())
            return super().prepare_model(model, options, progress)

        def prepare_from_cache(self, cache: Cache, options: Any, progress: Any) -> Any:
            assert {file.read() for file in (*cache.model_files, *cache.data_files)} == {self.name.encode()}
            raise BadDataError("but it is of no use")

    near, far = Keeping("near"), Keeping("a/b %")
    near.takes(OperationType.RELU)
    far.takes(OperationType.NEG)
    built = Model()
    for _ in range(4):
        built.add_operand(OperandType.TENSOR_FLOAT32, [2])
    for number, operation_type in enumerate((OperationType.RELU, OperationType.NEG, OperationType.RELU)):
        built.add_operation(operation_type, [number], [number + 1])
    built.identify_inputs_and_outputs([0], [3])
    built.finish()
    for _ in range(2):
        compilation = Compilation(built, [near, far])
        compilation.set_caching(tmp_path, TOKEN)
        compilation.finish()
        kept = files(tmp_path)
        assert len(kept) == 9
        assert sorted(kept.values()) == sorted([b"near"] * 6 + [b"a/b %"] * 3)


def test_rules(tmp_path: Path, cpu: Any) -> None:
    compilation = Compilation(model(), [cpu])
    for directory, token in ((None, TOKEN), (tmp_path, None)):
        with pytest.raises(UnexpectedNullError):
            compilation.set_caching(directory, token)  # type: ignore[arg-type]
    for token in (b"", bytes(31), bytes(33), "x" * 32, 7):
        with pytest.raises(BadDataError, match="32 bytes"):
            compilation.set_caching(tmp_path, token)  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    for directory in (tmp_path / "missing", tmp_path / "file", 7, "\0"):
        with pytest.raises(BadDataError, match="directory"):
            compilation.set_caching(directory, TOKEN)  # type: ignore[arg-type]
    compilation.finish()
    with pytest.raises(BadStateError):
        compilation.set_caching(tmp_path, TOKEN)
