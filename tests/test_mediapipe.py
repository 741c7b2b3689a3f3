"""Every MediaPipe model that LiteRT runs gives LiteRT's outputs, through a driver process."""

from dataclasses import replace

import matplotlib.cbook
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import nnhal
from hal import reference
from hal.errors import OpFailedError
from hal.types import OperandType
from tools.models import SHA256, fetch_models

REFUSED = "face_landmark_with_attention"
TOLERANCE = 1e-4
FLOAT16_TOLERANCE = 5 * 2**-10
IN_FLOAT16 = {
    OperandType.TENSOR_FLOAT32: OperandType.TENSOR_FLOAT16,
    OperandType.FLOAT32: OperandType.FLOAT16,
}


@pytest.fixture(scope="module")
def models():
    try:
        return fetch_models()
    except OpFailedError as error:
        pytest.skip(f"the models can't be fetched: {error}")


def inputs(shape):
    """Five of noise, and a photograph."""
    for seed in range(5):
        yield np.random.default_rng(seed).random(shape, np.float32)
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        photo = Image.open(file).convert("RGB").resize((shape[2], shape[1]))
    yield (np.asarray(photo, np.float32) / 255)[np.newaxis]


@pytest.mark.parametrize("name", sorted(set(SHA256) - {REFUSED}))
def test_outputs_are_those_of_litert(models, name):
    interpreter = Interpreter(model_path=str(models[name]))
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    compiled = nnhal.compile(nnhal.load_model(models[name]), devices=["cpu"])
    for number, image in enumerate(inputs(given["shape"])):
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        outputs = compiled.run([image])
        details = interpreter.get_output_details()
        assert len(outputs) == len(details)
        for index, (ours, detail) in enumerate(zip(outputs, details)):
            theirs = interpreter.get_tensor(detail["index"])
            assert ours.shape == theirs.shape
            worst = np.abs(ours - theirs).max()
            assert worst <= TOLERANCE * max(1.0, np.abs(theirs).max()), f"input {number}, output {index}"


def in_float16(model):
    """The model with float16 in the place of float32."""
    operands = tuple(
        replace(
            operand,
            type=IN_FLOAT16[operand.type],
            value=None if operand.value is None else operand.value.astype(np.float16),
        )
        if operand.type in IN_FLOAT16
        else operand
        for operand in model.main.operands
    )
    return replace(model, main=replace(model.main, operands=operands))


@pytest.mark.parametrize("name", sorted(set(SHA256) - {REFUSED}))
def test_relaxed_models_on_the_gpu_are_as_near_to_litert_as_float16_lets_them(models, name, monkeypatch):
    """Some of these networks make much of a rounded bit, so what float16 costs is measured.

    It is how far LiteRT's outputs are from those of the references, which compute exactly and round
    each operation's results to float16. An output may be off by twice that, and by Android's
    tolerance for float16. Beside a slow CPU, so that there is something for the GPU to do.
    """
    monkeypatch.setenv("NNHAL_DEVICES", "cpu=snapdragon-450,gpu=adreno-740")
    interpreter = Interpreter(model_path=str(models[name]))
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    model = nnhal.load_model(models[name], relaxed=True)
    compiled = [nnhal.compile(model, devices=devices) for devices in (["gpu"], ["cpu", "gpu"])]
    *_, noise, photo = inputs(given["shape"])
    for image in (noise, photo):
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        rounded = reference.run(in_float16(model.canonical), [image.astype(np.float16)])
        details = interpreter.get_output_details()
        for alone, partitioned, exact, detail in zip(*(each.run([image]) for each in compiled), rounded, details):
            theirs = interpreter.get_tensor(detail["index"])
            cost = np.abs(exact.astype(np.float32) - theirs).max()
            allowed = 2 * cost + FLOAT16_TOLERANCE * max(1.0, np.abs(theirs).max())
            assert np.abs(alone - theirs).max() <= allowed, detail["name"]
            assert np.abs(partitioned - theirs).max() <= allowed, detail["name"]


def test_a_model_that_nnapi_cannot_express_is_refused_with_everything_that_is_missing(models):
    with pytest.raises(nnhal.BadDataError) as raised:
        nnhal.load_model(models[REFUSED])
    sentence = str(raised.value)
    for custom in ("TransformLandmarks", "Landmarks2TransformMatrix", "TransformTensorBilinear"):
        assert custom in sentence
    assert sentence.count(" 0/") == 11, "one place for each of its 11 operators"
