"""Every MediaPipe model that LiteRT runs gives LiteRT's outputs, through a driver process."""

import matplotlib.cbook
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import nnhal
from hal.errors import OpFailedError
from tools.models import SHA256, fetch_models

REFUSED = "face_landmark_with_attention"
TOLERANCE = 1e-4


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


def test_a_model_that_nnapi_cannot_express_is_refused_with_everything_that_is_missing(models):
    with pytest.raises(nnhal.BadDataError) as raised:
        nnhal.load_model(models[REFUSED])
    sentence = str(raised.value)
    for custom in ("TransformLandmarks", "Landmarks2TransformMatrix", "TransformTensorBilinear"):
        assert custom in sentence
    assert sentence.count(" 0/") == 11, "one place for each of its 11 operators"
