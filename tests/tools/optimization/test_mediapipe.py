"""Real models compute the same on the CPU device when they are optimised."""

import numpy as np
import pytest

import nnhal
from tools.models import SHA256

REFUSED = "face_landmark_with_attention"  # NNAPI can't express it
FEWER = {
    "face_detection_full_range_sparse": 117,
    "face_detection_short_range": 73,
    "pose_detection": 101,
    "selfie_segmentation": 114,
}


@pytest.mark.parametrize("name", sorted(set(SHA256) - {REFUSED}))
def test_outputs_stay_the_same_to_the_bit(models, name):
    model = nnhal.load_model(models[name])
    better, report = nnhal.optimize(model)
    assert report.after.operations == FEWER.get(name, report.after.operations)
    assert report.after.operations <= report.before.operations
    assert report.commands_after <= report.commands_before
    (given,) = model.canonical.main.inputs
    image = np.random.default_rng(0).random(model.canonical.main.operands[given].dimensions, np.float32)
    outputs = [nnhal.compile(each, devices=["cpu"]).run([image]) for each in (model, better)]
    for before, after in zip(*outputs):
        np.testing.assert_array_equal(after, before)
