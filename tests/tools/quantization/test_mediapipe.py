"""MediaPipe's models in int8, with 32 crops of photographs: accuracy, size, and what the NPU does."""

import numpy as np
import pytest

import nnhal
from tools import crops, probing, vision
from tools.demo.finding import macs_of
from tools.models import fetch_models
from tools.samples import stored

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=crops.MODELS)
def pair(request, models):
    """A float model's name, it, and it in int8."""
    model = nnhal.load_model(models[request.param])
    return request.param, model, nnhal.quantize(model, crops.crops(request.param, 32))[0]


def outputs(model, samples):
    """For each output, its values for all samples one after the other."""
    runs = zip(*probing.outputs(model.canonical, samples))
    return [np.concatenate([array.ravel() for array in each]).astype(np.float64) for each in runs]


def test_outputs_of_crops_that_calibration_has_not_seen_are_alike(pair):
    name, model, small = pair
    samples = crops.crops(name, 16, seed=1)
    for ours, theirs in zip(outputs(model, samples), outputs(small, samples)):
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) >= 0.99


def test_the_npu_does_nine_tenths_of_the_macs(pair):
    """Where power is to be saved: one execution of a small model on the CPU is over before the NPU is awake."""
    name, _, small = pair
    main = small.canonical.main
    inputs = stored(crops.crops(name, 1, seed=1)[0], [main.operands[index] for index in main.inputs])
    with nnhal.compile(small, ["npu", "cpu"], nnhal.PreferenceCode.LOW_POWER) as compiled:
        _, report = compiled.run_reported(inputs)
    macs, there = macs_of(small.canonical, report, "npu")
    assert there >= 0.9 * macs > 0


def test_the_file_takes_three_tenths(pair, tmp_path):
    name, model, small = pair
    sizes = []
    for each, kind in ((model, "float"), (small, "int8")):
        path = tmp_path / f"{name}.{kind}.nnhal"
        each.save(path)
        sizes.append(path.stat().st_size)
    assert sizes[1] <= 0.3 * sizes[0]


def test_the_face_s_box_stays_where_it_is():
    name = "face_detection_short_range"
    model = nnhal.load_model(fetch_models(names=[name])[name])
    small, _ = nnhal.quantize(model, crops.crops(name, 32))
    photo = crops.portrait()
    region = vision.whole(photo)
    image = [region.crop(photo, vision.DETECTION_SIZE, -1, 1)]
    boxes = []
    for each, devices in ((model, ["cpu"]), (small, ["npu", "cpu"])):
        with nnhal.compile(each, devices, nnhal.PreferenceCode.LOW_POWER) as compiled:
            assert devices[0] in [device.name for device in compiled.devices]
            main = each.canonical.main
            inputs = stored(image, [main.operands[index] for index in main.inputs])
            boxes.append(np.array(vision.decode_faces(*compiled.run(inputs), region)[0].box))
    assert np.abs(boxes[0] - boxes[1]).max() <= 0.02 * (boxes[0][2] - boxes[0][0])
