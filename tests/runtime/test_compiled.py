"""The short way: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from hal.device import Timing
from hal.errors import BadDataError, BadStateError, DeadObjectError, OutputInsufficientSizeError, UnexpectedNullError
from hal.types import OperandType, OperationType, PreferenceCode
from runtime import discovery
from runtime.compiled import CompiledModel, compile_model
from runtime.model import Model

BuildModel = Callable[..., Model]

A = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


@pytest.fixture
def compiled(add_model: BuildModel, device: Any) -> CompiledModel:
    return compile_model(add_model(), [device])


@pytest.fixture
def open_model(add_model: BuildModel, device: Any) -> CompiledModel:
    return compile_model(add_model((0, 3)), [device])


def test_runs(compiled: CompiledModel) -> None:
    (total,) = compiled.run([A, A])
    np.testing.assert_array_equal(total, 2 * A)
    assert total.dtype == np.float32


def test_each_run_has_its_own_results(compiled: CompiledModel) -> None:
    (first,), (second,) = compiled.run([A, A]), compiled.run([A, -A])
    np.testing.assert_array_equal(first, 2 * A)
    np.testing.assert_array_equal(second, 0 * A)
    first[:] = 5


def test_tells_what_it_takes_and_gives(open_model: CompiledModel, device: Any) -> None:
    assert open_model.devices == [device.info]
    assert len(open_model.inputs) == 2
    for spec in (*open_model.inputs, *open_model.outputs):
        assert (spec.type, spec.dimensions, spec.dtype) == (OperandType.TENSOR_FLOAT32, (0, 3), np.dtype("float32"))


def test_preference_and_progress_are_passed_on(add_model: BuildModel, device: Any) -> None:
    told: list[tuple[str, int, int]] = []
    compile_model(add_model(), [device], PreferenceCode.LOW_POWER, lambda *progress: told.append(progress))
    assert device.options[0].preference is PreferenceCode.LOW_POWER
    assert told


def test_timing_needs_no_named_device(add_model: BuildModel, device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "devices", lambda: [device])
    compiled = compile_model(add_model())
    outputs, timing = compiled.run_timed([A, A])
    np.testing.assert_array_equal(outputs[0], 2 * A)
    assert timing == Timing(on_hardware=1000, in_driver=2000)
    compiled.run([A, A])
    assert [request.measure for request in device.requests] == [True, False]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([], "0 inputs are given; the model has 2"),
        ([A], "1 inputs are given; the model has 2"),
        ([A, A, A], "3 inputs are given; the model has 2"),
        (A, "the inputs are given as ndarray; they must be a list of arrays"),
        ("ab", "the inputs are given as str"),
        ([A, A.astype(np.float64)], "input 1 is given as float64; TENSOR_FLOAT32 is float32"),
        ([A, A[:1]], "input 1 has shape [1, 3]; it must be [2, 3]"),
        ([A.ravel(), A], "input 0 has shape [6]; it must be [2, 3]"),
        ([A.tobytes(), A], "input 0 has shape [6]; it must be [2, 3]"),
        ([A, A.tolist()], "input 1 is given as list"),
        ([A, 1.0], "input 1 is given as a number; TENSOR_FLOAT32 is a tensor"),
        ([A, None], "input 1 is left out: operation 0 (ADD): input 1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(compiled: CompiledModel, inputs: Any, sentence: str) -> None:
    with pytest.raises(BadDataError) as caught:
        compiled.run(inputs)
    assert sentence in str(caught.value)


def test_inputs_must_be_given(compiled: CompiledModel) -> None:
    with pytest.raises(UnexpectedNullError):
        compiled.run(None)  # type: ignore[arg-type]


def test_inputs_need_not_be_contiguous(compiled: CompiledModel) -> None:
    (total,) = compiled.run([A.T.copy().T, A[::-1]])
    np.testing.assert_array_equal(total, A + A[::-1])


@pytest.mark.parametrize("shape", [(2, 2), (6,), (0, 3), ()])
def test_shapes_must_fit_what_the_model_knows(open_model: CompiledModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadDataError, match=r"input 0 .* \[\?, 3\]"):
        open_model.run([np.zeros(shape, np.float32), A])


def test_unknown_dimensions_are_found_out_once(open_model: CompiledModel, device: Any) -> None:
    for array in (A, A, np.ones((50, 3), np.float32), A):
        (total,) = open_model.run([array, array])
        np.testing.assert_array_equal(total, 2 * array)
    sizes = [request.outputs[0].data.size for request in device.requests]
    assert sizes == [0, 24, 24, 0, 600, 0, 24]


def test_unknown_rank(add_model: BuildModel, device: Any) -> None:
    compiled = compile_model(add_model(()), [device])
    for array in (A, A[0], A[None]):
        np.testing.assert_array_equal(compiled.run([array, array])[0], 2 * array)
    with pytest.raises(BadDataError, match="at least 1 dimension"):
        compiled.run([np.float32(1), A])


def test_a_device_that_is_never_content_is_not_asked_forever(compiled: CompiledModel, device: Any) -> None:
    def never() -> None:
        raise OutputInsufficientSizeError("more", dimensions=((2, 3),))

    device.on_execute = never
    with pytest.raises(OutputInsufficientSizeError):
        compiled.run([A, A])
    assert len(device.requests) == 2


def test_scalars_in(device: Any) -> None:
    model = Model()
    first, second, total = (model.add_operand(OperandType.TENSOR_FLOAT32, (2,)) for _ in range(3))
    activation = model.add_operand(OperandType.INT32)
    model.add_operation(OperationType.ADD, [first, second, activation], [total])
    model.identify_inputs_and_outputs([first, second, activation], [total])
    model.finish()
    compiled = compile_model(model, [device])
    values = np.array([-3, 3], np.float32)
    for relu in (1, np.int32(1), np.array(1, np.int32)):
        assert compiled.run([values, values, relu])[0].tolist() == [0, 6]
    with pytest.raises(BadDataError, match=r"input 2 has shape \[1\]; it must be \[\], a scalar"):
        compiled.run([values, values, np.ones(1, np.int32)])


def test_threads_do_not_disturb_each_other(compiled: CompiledModel) -> None:
    def run(seed: int) -> bool:
        first, second = np.random.default_rng(seed).standard_normal((2, 2, 3)).astype(np.float32)
        return all(np.array_equal(compiled.run([first, second])[0], first + second) for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(16)))


def test_the_device_s_errors_come_through(compiled: CompiledModel, device: Any) -> None:
    def die() -> None:
        raise DeadObjectError("the driver has died")

    device.on_execute = die
    with pytest.raises(DeadObjectError):
        compiled.run([A, A])


def test_close_frees_the_device(add_model: BuildModel, device: Any) -> None:
    with compile_model(add_model(), [device]) as compiled:
        compiled.run([A, A])
    assert device.closed == 1
    with pytest.raises(BadStateError, match="closed"):
        compiled.run([A, A])
    assert compiled.devices == [device.info]
