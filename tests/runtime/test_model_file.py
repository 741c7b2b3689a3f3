"""Saving models and loading them again: what stays in the file, and what becomes of one that is damaged."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hal.errors import BadDataError, BadStateError, DeadObjectError
from hal.memory import runtime_directory
from hal.metadata import Fit, Metadata, Preprocessing
from hal.model import Extension, Lifetime, Operand, Operation, Subgraph
from hal.model import Model as HalModel
from hal.reference import run as reference
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime import extensions
from runtime.compilation import Compilation
from runtime.compiled import compile_model
from runtime.model import Model
from runtime.model_file import load
from tests.control_flow import choice
from tests.runtime.graphs import Builder, check

SHAPE = (64, 64)
WEIGHTS = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
X = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
METADATA = Metadata("sum", "a test", Preprocessing(Fit.COVER, 0.875, (127.5,), (127.5,)))


def build() -> Model:
    """x + WEIGHTS"""
    graph = Builder(Model(), SHAPE)
    x = graph.tensor()
    return graph.done([x], [graph.add(x, graph.constant(WEIGHTS))])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A saved model's."""
    model = build()
    model.metadata = METADATA
    model.save(tmp_path / "model.nnhal")
    return tmp_path / "model.nnhal"


def damage(path: Path) -> None:
    """Change a byte of the last constant, where it lies."""
    with path.open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        byte = file.read(1)
        file.seek(-5, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))


def test_a_loaded_model_computes_what_the_saved_one_does(path: Path, device: Any) -> None:
    model = load(path)
    assert model.metadata == METADATA
    check(model, [device], X)


def test_a_driver_finds_the_weights_in_the_very_file(path: Path) -> None:
    (weights,) = (each for each in load(path).canonical.main.operands if each.location is not None)
    assert weights.location is not None
    assert (runtime_directory() / weights.location.region).stat().st_ino == path.stat().st_ino
    with path.open("rb") as file:
        file.seek(weights.location.offset)
        assert file.read(weights.location.length) == WEIGHTS.tobytes()


def test_loading_touches_no_weight(path: Path) -> None:
    model = load(path)
    assert model.canonical.main.operands
    lines = Path("/proc/self/smaps").read_text().splitlines()
    places = [number for number, line in enumerate(lines) if line.endswith(str(path))]
    assert places, "the file is not mapped"
    for number in places:
        resident = next(line for line in lines[number:] if line.startswith("Rss:"))
        assert resident.split() == ["Rss:", "0", "kB"]


def test_relaxing_a_model_that_its_file_does_not_relax(path: Path, tmp_path: Path) -> None:
    assert not load(path).canonical.relaxed
    relaxed = load(path, relaxed=True)
    assert relaxed.canonical.relaxed
    relaxed.save(tmp_path / "relaxed.nnhal")
    assert load(tmp_path / "relaxed.nnhal").canonical.relaxed


def test_what_is_saved_again_is_the_same_file(path: Path, tmp_path: Path) -> None:
    load(path).save(tmp_path / "again.nnhal")
    assert (tmp_path / "again.nnhal").read_bytes() == path.read_bytes()


def test_a_model_saved_over_the_file_that_it_comes_from(path: Path, device: Any) -> None:
    content = path.read_bytes()
    model = load(path)
    model.save(path)
    assert path.read_bytes() == content
    check(model, [device], X)


def test_a_file_that_is_replaced_does_not_change_who_has_loaded_it(path: Path, device: Any) -> None:
    model = load(path)
    other = Builder(Model(), (2, 2))
    x = other.tensor()
    other.done([x], [other.unary(O.NEG, x)]).save(path)
    check(model, [device], X)


def test_control_flow(tmp_path: Path, device: Any) -> None:
    Model.from_canonical(choice()).save(tmp_path / "choice.nnhal")
    loaded = load(tmp_path / "choice.nnhal")
    assert len(loaded.canonical.referenced) == 2
    for condition in (True, False):
        check(loaded, [device], np.array([condition]), np.array([5, 6], np.float32))


def test_a_loaded_model_as_the_branch_of_another(path: Path, device: Any) -> None:
    graph = Builder(Model(), SHAPE)
    condition, x = graph.tensor((1,), T.TENSOR_BOOL8), graph.tensor()
    branches = [graph.model.add_operand(T.MODEL) for _ in range(2)]
    negated = Builder(Model(), SHAPE)
    y = negated.tensor()
    for index, branch in zip(branches, (load(path), negated.done([y], [negated.unary(O.NEG, y)]))):
        graph.model.set_operand_value_from_model(index, branch)
    result = graph.tensor()
    graph.model.add_operation(O.IF, [condition, *branches, x], [result])
    model = graph.done([condition, x], [result])
    gc.collect()
    check(model, [device], np.array([True]), X)
    damage(path)
    with pytest.raises(BadDataError, match="SHA-256 of operand"):
        model.verify()


def test_what_is_made_of_a_loaded_model_keeps_its_weights_shared(path: Path, device: Any) -> None:
    model = Model.from_canonical(load(path).canonical)
    gc.collect()
    check(model, [device], X)


def test_a_model_of_other_extensions_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved by a process that had given the extension another prefix."""
    monkeypatch.setattr(extensions, "_prefixes", {"com.example.first": 1, "com.example.second": 2})

    def code(prefix: int, number: int) -> int:
        return prefix << 16 | number

    def model(second: int, third: int) -> HalModel:
        operands = (
            Operand(code(second, 7), (4,), lifetime=Lifetime.SUBGRAPH_INPUT),
            Operand(code(third, 8), (4,), lifetime=Lifetime.CONSTANT_COPY, value=np.arange(200, dtype=np.uint8)),
            Operand(T.TENSOR_FLOAT32, (4,), lifetime=Lifetime.SUBGRAPH_OUTPUT),
        )
        main = Subgraph(operands, (Operation(code(third, 9), (0, 1), (2,)),), (0,), (2,))
        names = {"com.example.second": second, "com.example.third": third}
        return HalModel(main, extensions=tuple(Extension(name, prefix) for name, prefix in names.items()))

    from hal.model_file import save_model

    save_model(tmp_path / "theirs.nnhal", model(1, 4), Metadata())
    loaded = load(tmp_path / "theirs.nnhal").canonical
    wanted = model(2, 3)
    assert loaded.extensions == wanted.extensions
    assert loaded.main.operations == wanted.main.operations
    assert [operand.type for operand in loaded.main.operands] == [operand.type for operand in wanted.main.operands]


def test_only_finished_models_are_saved(tmp_path: Path) -> None:
    with pytest.raises(BadStateError):
        Model().save(tmp_path / "unfinished.nnhal")
    assert not list(tmp_path.iterdir())


def test_a_finished_model_can_not_be_changed(path: Path) -> None:
    with pytest.raises(BadStateError):
        load(path).add_operand(T.INT32)


def test_a_model_that_breaks_the_rules_is_refused(tmp_path: Path) -> None:
    from hal.model_file import save_model

    main = build().canonical.main
    broken = HalModel(Subgraph(main.operands, main.operations, (), main.outputs))
    with pytest.raises(BadDataError, match="there is no input"):
        Model.from_canonical(broken)
    save_model(tmp_path / "broken.nnhal", broken, Metadata())
    with pytest.raises(BadDataError, match=r"broken\.nnhal: there is no input"):
        load(tmp_path / "broken.nnhal")


def test_damaged_weights_are_found_when_a_model_is_compiled(path: Path, device: Any, tmp_path: Path) -> None:
    damage(path)
    model = load(path)
    with pytest.raises(BadDataError, match=r"model\.nnhal: the file is damaged: the SHA-256 of operand 1 is another"):
        Compilation(model, [device]).finish()
    assert device.models == []
    with pytest.raises(BadDataError, match="is damaged"):
        model.save(tmp_path / "copy.nnhal")
    assert not (tmp_path / "copy.nnhal").exists()


def test_a_file_cut_short_after_it_was_loaded_is_found_when_the_model_is_compiled(path: Path, device: Any) -> None:
    model = load(path)
    Compilation(model, [device]).finish()
    os.truncate(path, 1000)
    with pytest.raises(BadDataError, match="it has been cut short"):
        Compilation(model, [device]).finish()


def test_a_file_cut_short_while_it_is_in_use_ends_the_driver_and_not_the_application(path: Path) -> None:
    with compile_model(load(path), ["cpu"]) as compiled:  # the driver reads the weights from the file
        os.truncate(path, 0)
        with pytest.raises(DeadObjectError):
            compiled.run([X])
    with compile_model(build(), ["cpu"]) as compiled:  # on a new driver
        np.testing.assert_array_equal(compiled.run([X])[0], X + WEIGHTS)


def test_what_is_prepared_outlives_its_file(path: Path) -> None:
    with compile_model(load(path), ["cpu"]) as compiled:
        path.unlink()
        np.testing.assert_array_equal(compiled.run([X])[0], X + WEIGHTS)


def test_a_file_that_may_only_be_read(path: Path) -> None:
    path.chmod(0o400)
    with compile_model(load(path), ["cpu"]) as compiled:
        np.testing.assert_array_equal(compiled.run([X])[0], X + WEIGHTS)


MEMORY = """
import sys
from runtime.compiled import compile_model
from runtime.discovery import device
from runtime.model_file import load

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024

device("cpu").info
before = resident()
with compile_model(load(sys.argv[1]), ["cpu"]):
    print(resident() - before)
"""


def test_compiling_a_large_model_takes_no_memory_of_the_application(tmp_path: Path) -> None:
    graph = Builder(Model(), (1, 4096))
    x = graph.tensor()
    values = np.full((4096, 4096), 0.5, np.float32)  # 64 MiB
    weights, bias, none = (graph.constant(each) for each in (values, values[0], np.int32(0)))
    result = graph.tensor()
    graph.model.add_operation(O.FULLY_CONNECTED, [x, weights, bias, none], [result])
    graph.done([x], [result]).save(tmp_path / "large.nnhal")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, tmp_path / "large.nnhal"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 16
    assert reference(load(tmp_path / "large.nnhal").canonical, [np.ones((1, 4096), np.float32)])[0][0, 0] == 2048.5
