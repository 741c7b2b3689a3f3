"""Exported models compute in LiteRT what they compute here."""

import numpy as np
import pytest

from hal import reference
from hal.errors import BadDataError
from hal.types import FuseCode, PaddingCode
from hal.types import OperationType as O
from runtime.compiled import compile_model
from runtime.model import Model
from tests.networks import Network
from tests.tools.quantization.networks import random, residual, samples
from tools.bench.litert import LiteRt
from tools.exporters.tflite import export
from tools.importers import load_model
from tools.quantization import quantize
from tools.samples import stored

NONE, RELU6 = FuseCode.NONE, FuseCode.RELU6
SAME, VALID = PaddingCode.SAME, PaddingCode.VALID
IMAGE = (1, 7, 6, 4)


def ints(*values):
    return np.array(values, np.int32)


CASES = {
    "add": lambda n, x: n.apply(O.ADD, x, random(1, 4), RELU6),
    "sub": lambda n, x: n.apply(O.SUB, x, random(1, 4), NONE),
    "mul": lambda n, x: n.apply(O.MUL, x, random(1, 4), FuseCode.RELU),
    "tanh": lambda n, x: n.apply(O.TANH, x),
    "prelu": lambda n, x: n.apply(O.PRELU, x, random(1, 1, 1, 4)),
    "convolution, same": lambda n, x: n.apply(O.CONV_2D, x, random(1, 5, 3, 3, 4), random(2, 5), SAME, 2, 2, NONE),
    "convolution, valid": lambda n, x: n.apply(O.CONV_2D, x, random(1, 5, 3, 2, 4), random(2, 5), VALID, 1, 2, RELU6),
    "convolution, padded": lambda n, x: n.apply(
        O.CONV_2D, x, random(1, 5, 3, 3, 4), random(2, 5), 1, 0, 2, 1, 2, 1, NONE
    ),
    "convolution, dilated": lambda n, x: n.apply(
        O.CONV_2D, x, random(1, 5, 3, 3, 4), random(2, 5), SAME, 1, 1, NONE, False, 2, 2
    ),
    "depthwise": lambda n, x: n.apply(
        O.DEPTHWISE_CONV_2D, x, random(1, 1, 3, 3, 8), random(2, 8), SAME, 2, 1, 2, RELU6
    ),
    "transposed, same": lambda n, x: n.apply(
        O.TRANSPOSE_CONV_2D, x, random(1, 5, 3, 3, 4), random(2, 5), ints(1, 14, 12, 5), SAME, 2, 2, NONE, False
    ),
    "transposed, valid": lambda n, x: n.apply(
        O.TRANSPOSE_CONV_2D, x, random(1, 5, 2, 2, 4), random(2, 5), 0, 0, 0, 0, 2, 2, NONE, False
    ),
    "fully connected": lambda n, x: n.apply(O.FULLY_CONNECTED, x, random(1, 3, 168), random(2, 3), RELU6),
    "maximum": lambda n, x: n.apply(O.MAX_POOL_2D, x, SAME, 2, 2, 3, 2, NONE),
    "average": lambda n, x: n.apply(O.AVERAGE_POOL_2D, x, VALID, 1, 2, 2, 3, NONE),
    "mean": lambda n, x: n.apply(O.MEAN, x, ints(1, 2), 1),
    "padding": lambda n, x: n.apply(O.PAD, x, ints(0, 0, 1, 2, 0, 3, 0, 0).reshape(4, 2)),
    "reshaping": lambda n, x: n.apply(O.RESHAPE, x, ints(2, -1)),
    "transposing": lambda n, x: n.apply(O.TRANSPOSE, x, ints(0, 3, 1, 2)),
    "concatenation": lambda n, x: n.apply(O.CONCATENATION, x, random(1, 1, 7, 6, 2), 3),
    "depth to space": lambda n, x: n.apply(O.DEPTH_TO_SPACE, x, 2),
    "resizing": lambda n, x: n.apply(O.RESIZE_BILINEAR, x, 12, 9, False, False, True),
    "softmax": lambda n, x: n.apply(O.SOFTMAX, x, np.float32(0.5)),
    "slicing": lambda n, x: n.apply(O.STRIDED_SLICE, x, ints(0, 1, 0, 0), ints(0, 6, 5, 3), ints(1, 2, 2, 1), 0, 1, 0),
}


@pytest.fixture
def computed(litert, tmp_path):
    """What LiteRT makes of a model."""

    def run(model, inputs):
        path = tmp_path / "model.tflite"
        path.write_bytes(export(model))
        return litert(path, inputs)

    return run


@pytest.mark.parametrize("name", CASES)
def test_operations(computed, name):
    network = Network()
    model = network.model(CASES[name](network, network.input(*IMAGE)))
    image = random(0, *IMAGE)
    (result,) = computed(model, [image])
    (wanted,) = reference.run(model, [image])
    np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5)
    assert result.shape == wanted.shape


@pytest.mark.parametrize(
    ("scheme", "weights"), [("int8", "per-channel"), ("int8", "per-tensor"), ("uint8", "per-tensor")]
)
def test_quantised_models_give_the_results_of_the_reference_kernels(scheme, weights):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    inputs = samples(4, 1, 8, 8, 3)
    small, _ = quantize(Model.from_canonical(residual()), inputs, scheme=scheme, weights=weights)
    model = small.canonical
    with compile_model(small, ["cpu"]) as compiled:
        for sample in inputs:
            given = stored(sample, [model.main.operands[index] for index in model.main.inputs])
            (result,) = LiteRt(export(model), given, 1, reference=True).outputs()
            np.testing.assert_allclose(result, compiled.run(given)[0], rtol=1e-6)


def test_the_importer_reads_what_was_written(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(export(residual()))
    again = load_model(path).canonical
    image = random(0, 1, 8, 8, 3)
    np.testing.assert_array_equal(reference.run(again, [image])[0], reference.run(residual(), [image])[0])


def test_what_tflite_can_not_say_is_refused_in_a_sentence():
    def refused(build):
        network = Network()
        model = network.model(build(network, network.input(*IMAGE)))
        with pytest.raises(BadDataError) as caught:
            export(model)
        return str(caught.value)

    assert refused(lambda n, x: n.apply(O.SIN, x)) == "operation 0 (SIN) has no mapping to TFLite"
    padded = refused(lambda n, x: n.apply(O.MAX_POOL_2D, x, 1, 0, 0, 0, 1, 1, 2, 2, NONE))
    assert padded == "operation 0 (MAX_POOL_2D) has a padding of its own, which TFLite can't express"
    first = refused(lambda n, x: n.apply(O.DEPTH_TO_SPACE, x, 1, True))
    assert "images whose channels come first" in first
