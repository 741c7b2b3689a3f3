"""MediaPipe's models in int8, with 32 crops of photographs: accuracy, size, and what the NPU takes."""

import numpy as np
import pytest

import nnhal
from drivers.npu.device import NpuDevice
from hal.inference import with_inferred_dimensions
from hal.workload import workload
from tools import crops, probing, vision
from tools.demo import _photo
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


def test_the_npu_takes_nine_tenths_of_the_macs(pair):
    """Whether it also gets them, launches and transfers decide, which small models don't make up for."""
    _, _, small = pair
    main = with_inferred_dimensions(small.canonical.main)
    macs = [workload(operation, main.operands).macs for operation in main.operations]
    supports = NpuDevice().supported_operations(small.canonical)
    assert sum(count for count, support in zip(macs, supports) if support.supported) >= 0.9 * sum(macs)


def test_weights_take_three_tenths(pair):
    _, model, small = pair
    sizes = [
        sum(
            each.value.nbytes + 4 * len(each.per_channel.scales if each.per_channel else ())
            for each in part.canonical.main.operands
            if each.value is not None
        )
        for part in (model, small)
    ]
    assert sizes[1] <= 0.3 * sizes[0]


def test_the_face_s_box_stays_where_it_is():
    name = "face_detection_short_range"
    model = nnhal.load_model(fetch_models(names=[name])[name])
    small, _ = nnhal.quantize(model, crops.crops(name, 32))
    photo = _photo()
    region = vision.whole(photo)
    image = [region.crop(photo, vision.DETECTION_SIZE, -1, 1)]
    boxes = []
    for each, devices in ((model, ["cpu"]), (small, ["npu", "cpu"])):
        with nnhal.compile(each, devices) as compiled:
            main = each.canonical.main
            inputs = stored(image, [main.operands[index] for index in main.inputs])
            boxes.append(np.array(vision.decode_faces(*compiled.run(inputs), region)[0].box))
    assert np.abs(boxes[0] - boxes[1]).max() <= 0.02 * (boxes[0][2] - boxes[0][0])
