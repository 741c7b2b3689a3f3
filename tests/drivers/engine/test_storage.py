"""Prepared models in files: read back they do the same, and whatever is wrong with a file is noticed."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers import kernels  # noqa: F401 -- registers the lowerings
from drivers.engine import native, storage
from drivers.engine.executable import Executable, Limits
from drivers.engine.numerics import EXACT
from drivers.engine.storage import Identity
from drivers.engine.support import is_weight
from drivers.engine.threads import Threads
from hal.device import Cache
from hal.errors import BadDataError, OpFailedError
from hal.model import Lifetime, Model, Operand, Operation, Subgraph, is_fully_specified
from hal.types import OperandType, OperationType
from tests.control_flow import choice, loop
from tests.drivers.engine.test_executable import topk_between_additions
from tests.support import Input, constant, single

IDENTITY = Identity("cpu", "1", "described")
TOKEN = bytes(range(32))
FLOAT = OperandType.TENSOR_FLOAT32


@pytest.fixture(scope="module")
def threads():
    return Threads(1)


def cache(content=b"", token=TOKEN):
    return Cache(token, (io.BytesIO(content),), ())


def prepare(executable, model):
    shapes = [model.main.operands[index].dimensions for index in model.main.inputs]
    executable.prepare(shapes, lambda done, total: None)


def made(model, threads):
    executable = Executable(model, threads)
    if all(is_fully_specified(model.main.operands[index].dimensions) for index in model.main.inputs):
        prepare(executable, model)
    return executable


def saved(model, executable):
    written = cache()
    storage.save(written, IDENTITY, model, executable)
    return written.model_files[0].getvalue()


def load(content, threads, identity=IDENTITY, token=TOKEN):
    return storage.load(cache(content, token), identity, threads, EXACT, lambda done, total: None)


def run(executable, inputs):
    outputs = executable.run(inputs, lambda position, dimensions, dtype: np.empty(dimensions, dtype), Limits(None, 2.0))
    return [output.tolist() for output in outputs]


def convolution():
    random = np.random.default_rng(0)
    image = random.standard_normal((1, 9, 9, 3)).astype(np.float32)
    filters = random.standard_normal((8, 3, 3, 3)).astype(np.float32)
    return single(
        OperationType.CONV_2D, image.view(Input), filters, random.standard_normal(8).astype(np.float32), 1, 2, 2, 1
    )


CASES = {
    "one program": convolution(),
    "if": (choice(), [np.array([True]), np.array([1, 2], np.float32)]),
    "while": (loop(), [np.array([0], np.float32), np.array([1, 2], np.float32)]),
    "a reference between programs": (
        topk_between_additions(),
        [np.array([3, 1, 4, 2, 5, 9], np.float32), np.array(3, np.int32)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_back_does_the_same_and_is_not_lowered(name, threads, monkeypatch):
    model, inputs = CASES[name]
    executable = made(model, threads)
    expected = run(executable, inputs)
    content = saved(model, executable)
    monkeypatch.setattr(Executable, "_lowered", None)  # what would lower a model fails
    read, again = load(content, threads)
    assert read == (without_weights(model) if name == "one program" else model)
    prepare(again, read)
    assert run(again, inputs) == expected


def without_weights(model):
    operands = [
        replace(operand, value=np.zeros_like(operand.value)) if is_weight(operand) else operand
        for operand in model.main.operands
    ]
    assert operands != [*model.main.operands]
    return replace(model, main=replace(model.main, operands=tuple(operands)))


def test_weights_that_only_the_program_needs_are_there_once(threads):
    model, _ = convolution()
    filters = model.main.operands[1].value.astype(np.float32)
    content = saved(model, made(model, threads))
    assert content.count(filters[0, 0, 0].tobytes()) == 0  # as the model has it
    assert content.count(filters[:, 0, 0, 0].tobytes()) == 1  # as kernels read it


def test_without_its_weights_a_model_is_not_lowered_for_other_dimensions(threads):
    model, _ = convolution()
    _, executable = load(saved(model, made(model, threads)), threads)
    with pytest.raises(OpFailedError, match="for other dimensions"):
        run(executable, [np.zeros((1, 8, 8, 3), np.float32)])


def test_a_model_that_may_be_lowered_again_keeps_its_weights(threads):
    """An input that a request may leave out takes another program."""
    model, _ = convolution()
    open_height = tuple(
        replace(operand, dimensions=(1, 0, 9, 3)) if operand.lifetime is Lifetime.SUBGRAPH_INPUT else operand
        for operand in model.main.operands
    )
    model = replace(model, main=replace(model.main, operands=open_height))
    executable = Executable(model, threads)
    executable.prepare([(1, 9, 9, 3)], lambda done, total: None)
    read, again = load(saved(model, executable), threads)
    assert read == model
    assert not again.is_complete


def test_an_input_that_may_be_left_out_keeps_the_weights(threads):
    """Without it another program is needed."""
    random = np.random.default_rng(0)
    floats = [random.standard_normal(shape).astype(np.float32) for shape in ((2, 3), (40, 3), (40, 4), (20,), (2, 160))]
    data, features, times, bias, state = floats
    operands = [Operand(FLOAT, each.shape, lifetime=Lifetime.SUBGRAPH_INPUT) for each in floats]
    operands[1:3] = [constant(features), constant(times)]
    operands += [constant(np.array(number, np.int32)) for number in (2, 0)]  # rank and activation
    operands += [Operand(FLOAT, shape, lifetime=Lifetime.SUBGRAPH_OUTPUT) for shape in ((2, 160), (2, 20))]
    operation = Operation(OperationType.SVDF, tuple(range(7)), (7, 8))
    model = Model(Subgraph(tuple(operands), (operation,), (0, 3, 4), (7, 8)))
    executable = made(model, threads)
    assert executable.is_one_program
    content = saved(model, executable)
    for given in (bias, None):
        _, again = load(content, threads)
        assert run(again, [data, given, state]) == run(executable, [data, given, state])


def test_what_had_no_program_yet_is_lowered_then(threads):
    model, inputs = convolution()
    content = saved(model, Executable(model, threads))
    _, executable = load(content, threads)
    assert executable.stages == {}
    assert run(executable, inputs) == run(made(model, threads), inputs)


def test_saving_what_was_read_gives_the_same_file(threads):
    model, _ = CASES["while"]
    content = saved(model, made(model, threads))
    assert saved(*load(content, threads)) == content


@pytest.fixture(scope="module")
def content(threads):
    model, _ = single(OperationType.RELU, np.zeros(4, np.float32).view(Input))
    return saved(model, made(model, threads))


def test_every_damaged_byte_is_noticed(content, threads):
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(BadDataError, match="the cache file is"):
            load(bytes(damaged), threads)


def test_every_missing_byte_is_noticed(content, threads):
    for size in range(len(content)):
        with pytest.raises(BadDataError, match="the cache file is"):
            load(content[:size], threads)
    with pytest.raises(BadDataError):
        load(content + b"\0", threads)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"driver": "gpu"}, "driver"),
        ({"version": "2"}, "version"),
        ({"description": "a faster one"}, "description"),
    ],
)
def test_files_of_another_driver_are_refused(content, threads, changed, what):
    with pytest.raises(BadDataError, match=f"of another .*{what}"):
        load(content, threads, replace(IDENTITY, **changed))


def test_files_of_another_token_machine_or_source_are_refused(content, threads, monkeypatch):
    with pytest.raises(BadDataError, match="of another token"):
        load(content, threads, token=bytes(32))
    with monkeypatch.context() as patch:
        patch.setattr(native, "key", lambda: "another")
        with pytest.raises(BadDataError, match="of another machine or compiler"):
            load(content, threads)
    monkeypatch.setattr(storage, "_sources", lambda: "another")
    with pytest.raises(BadDataError, match="of another driver's source"):
        load(content, threads)


def test_a_full_disk_leaves_an_empty_file(threads):
    class Full(io.BytesIO):
        def write(self, content):
            super().write(content[:10])
            raise OSError("no space left")

    model, _ = convolution()
    file = Full()
    storage.save(Cache(TOKEN, (file,), ()), IDENTITY, model, made(model, threads))
    assert file.getvalue() == b""


READER = """
import sys
from drivers import kernels
from drivers.engine import storage
from drivers.engine.numerics import EXACT
from drivers.engine.threads import Threads
from hal.device import Cache
if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        cache = Cache(bytes(range(32)), (file,), ())
        identity = storage.Identity("cpu", "1", "described")
        model, executable = storage.load(cache, identity, Threads(1), EXACT, lambda done, total: None)
        print(len(executable.stages), "numba" in sys.modules)
"""


def test_another_process_needs_no_compiler(content, threads, tmp_path):
    (tmp_path / "model").write_bytes(content)
    (tmp_path / "reader.py").write_text(READER)
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, tmp_path / "reader.py", tmp_path / "model"],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "1 False", done.stderr
