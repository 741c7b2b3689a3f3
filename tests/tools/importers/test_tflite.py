"""The importer against LiteRT, through the reference results of NNAPI's operations."""

import struct

import numpy as np
import pytest

from hal import reference
from hal.errors import BadDataError
from hal.types import OperandType, OperationType
from tests.tools.importers.tflite_writer import Graph, Op, T
from tools.importers import load_model
from tools.models import SHA256

RUNNABLE = [name for name in SHA256 if name != "face_landmark_with_attention"]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def ints(*values, dtype=np.int32):
    return np.array(values, dtype)


def check(path, inputs, expected):
    """The file's results by way of NNAPI are those ``expected``."""
    results = reference.run(load_model(path).canonical, inputs)
    assert len(results) == len(expected)
    for got, wanted in zip(results, expected):
        assert got.shape == (wanted.shape or (1,))
        np.testing.assert_allclose(got, wanted.reshape(got.shape), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", RUNNABLE)
def test_real_model(name, models, litert):
    model = load_model(models[name])
    dimensions = model.canonical.main.operands[model.canonical.main.inputs[0]].dimensions
    image = np.random.default_rng(5).random(dimensions, np.float32)
    expected = litert(models[name], [image], delegate=True)
    spread = [0] * len(expected)
    if name == "pose_landmark_full":  # one output is so sensitive that LiteRT's own two ways to run it disagree
        plain = litert(models[name], [image])
        spread = [np.abs(one - other).max() for one, other in zip(plain, expected)]
        expected = plain
    for got, wanted, allowance in zip(reference.run(model.canonical, [image]), expected, spread):
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= max(1e-4 * max(1, np.abs(wanted).max()), allowance)


def test_weights_of_half_precision_and_sparse_ones_are_constants(models):
    model = load_model(models["face_detection_full_range_sparse"]).canonical
    assert OperationType.DEQUANTIZE not in {operation.type for operation in model.main.operations}
    filters = [model.main.operands[o.inputs[1]] for o in model.main.operations if o.type == OperationType.CONV_2D]
    assert all(operand.value is not None and operand.value.dtype == np.float32 for operand in filters)
    assert sum(np.count_nonzero(operand.value) < operand.value.size / 2 for operand in filters) == 46


def test_all_unsupported_operators_are_listed(models):
    with pytest.raises(BadDataError) as caught:
        load_model(models["face_landmark_with_attention"])
    sentence = str(caught.value)
    assert "face_landmark_with_attention.tflite" in sentence
    assert "11 of its operators" in sentence
    for name, places in {
        "Landmarks2TransformMatrix": ["0/192", "0/193", "0/194"],
        "TransformTensorBilinear": ["0/195", "0/196", "0/197"],
        "TransformLandmarks": ["0/701", "0/702", "0/703", "0/704", "0/705"],
    }.items():
        assert name in sentence
        assert all(place in sentence for place in places)


CONV = {"Padding": 0, "StrideW": 1, "StrideH": 1}
MASKS = {"BeginMask": 0, "EndMask": 0, "EllipsisMask": 0, "NewAxisMask": 0, "ShrinkAxisMask": 0}
IMAGE = (1, 6, 8, 4)

OPERATORS = {
    "conv_same": (
        "CONV_2D",
        [numbers(3, 3, 3, 4), numbers(3)],
        (1, 3, 8, 3),
        ("Conv2DOptions", {**CONV, "StrideH": 2}),
    ),
    "conv_valid_dilated": (
        "CONV_2D",
        [numbers(3, 2, 3, 4), numbers(3)],
        (1, 3, 4, 3),
        ("Conv2DOptions", {**CONV, "Padding": 1, "DilationHFactor": 3, "DilationWFactor": 2}),
    ),
    "conv_relu_n1_to_1": (
        "CONV_2D",
        [numbers(2, 1, 1, 4), numbers(2)],
        (1, 6, 8, 2),
        ("Conv2DOptions", {**CONV, "FusedActivationFunction": 2}),
    ),
    "depthwise_multiplier": (
        "DEPTHWISE_CONV_2D",
        [numbers(1, 3, 2, 8), numbers(8)],
        (1, 6, 4, 8),
        ("DepthwiseConv2DOptions", {**CONV, "StrideW": 2, "DepthMultiplier": 2, "FusedActivationFunction": 1}),
    ),
    "add_scalar": ("ADD", [np.float32(0.5).reshape(())], IMAGE, ("AddOptions", {"FusedActivationFunction": 3})),
    "add_without_options": ("ADD", [numbers(8, 4)], IMAGE, ()),
    "mul_broadcast": ("MUL", [numbers(8, 1)], IMAGE, ("MulOptions", {})),
    "pad_int64": ("PAD", [ints([0, 0], [1, 2], [0, 3], [0, 0], dtype=np.int64)], (1, 9, 11, 4), ()),
    "relu": ("RELU", [], IMAGE, ()),
    "relu6": ("RELU6", [], IMAGE, ()),
    "prelu": ("PRELU", [numbers(1, 1, 4)], IMAGE, ()),
    "logistic": ("LOGISTIC", [], IMAGE, ()),
    "hard_swish": ("HARD_SWISH", [], IMAGE, ()),
    "max_pool": (
        "MAX_POOL_2D",
        [],
        (1, 3, 3, 4),
        ("Pool2DOptions", {"Padding": 0, "StrideW": 3, "StrideH": 2, "FilterWidth": 2, "FilterHeight": 3}),
    ),
    "average_pool": (
        "AVERAGE_POOL_2D",
        [],
        (1, 6, 8, 4),
        ("Pool2DOptions", {"Padding": 0, "StrideW": 1, "StrideH": 1, "FilterWidth": 2, "FilterHeight": 3}),
    ),
    "reshape_tensor": ("RESHAPE", [ints(4, -1)], (4, 48), ()),
    "reshape_option": ("RESHAPE", [], (2, 96), ("ReshapeOptions", {"NewShape": [2, -1]})),
    "concatenation": ("CONCATENATION", [numbers(1, 6, 8, 2)], (1, 6, 8, 6), ("ConcatenationOptions", {"Axis": -1})),
    "resize_half_pixel": (
        "RESIZE_BILINEAR",
        [ints(9, 5)],
        (1, 9, 5, 4),
        ("ResizeBilinearOptions", {"HalfPixelCenters": True}),
    ),
    "resize_align_corners": (
        "RESIZE_BILINEAR",
        [ints(9, 5)],
        (1, 9, 5, 4),
        ("ResizeBilinearOptions", {"AlignCorners": True}),
    ),
    "depth_to_space": ("DEPTH_TO_SPACE", [], (1, 12, 16, 1), ("DepthToSpaceOptions", {"BlockSize": 2})),
    "mean_keeping": ("MEAN", [ints(1, 2)], (1, 1, 1, 4), ("ReducerOptions", {"KeepDims": True})),
    "mean_negative_scalar_axis": ("MEAN", [np.int32(-1).reshape(())], (1, 6, 8), ("ReducerOptions", {})),
    "strided_slice": (
        "STRIDED_SLICE",
        [ints(0, 5, 1, 3), ints(1, 0, 7, 4), ints(1, -2, 2, 1)],
        (1, 3, 4),
        ("StridedSliceOptions", {**MASKS, "BeginMask": 4, "EndMask": 1, "ShrinkAxisMask": 8}),
    ),
    "fully_connected": (
        "FULLY_CONNECTED",
        [numbers(3, 32)],
        (6, 3),
        ("FullyConnectedOptions", {"FusedActivationFunction": 1}),
    ),
}


@pytest.mark.parametrize("case", OPERATORS)
def test_operator(case, write, litert):
    name, constants, shape, options = OPERATORS[case]
    tensors = [T(IMAGE), *(T(value=value) for value in constants), T(shape)]
    path = write(Graph(tensors, [Op(name, [*range(len(tensors) - 1)], [len(tensors) - 1], options)]))
    image = 3 * numbers(*IMAGE, seed=1)
    check(path, [image], litert(path, [image]))


def test_left_out_bias_is_zero(write):
    image, weights = numbers(*IMAGE, seed=1), numbers(2, 1, 1, 4)
    for inputs in ([0, 1], [0, 1, -1]):
        operator = Op("CONV_2D", inputs, [2], ("Conv2DOptions", CONV))
        path = write(Graph([T(IMAGE), T(value=weights), T((1, 6, 8, 2))], [operator]))
        check(path, [image], [image @ weights[:, 0, 0].T])


@pytest.mark.parametrize(
    ("padding", "strides", "shape"),
    [
        (1, (2, 2), (1, 12, 16, 3)),
        (2, (1, 2), (1, 14, 10, 3)),
        (1, (2, 3), (1, 18, 16, 3)),
        (1, (3, 4), (1, 22, 23, 3)),
    ],
)
def test_transpose_convolution_of_mediapipe(padding, strides, shape, write, litert):
    tensors = [T(IMAGE), T(value=numbers(3, 4, 3, 4)), T(value=numbers(3)), T(shape)]
    options = struct.pack("<3i", padding, *strides)
    path = write(Graph(tensors, [Op("Convolution2DTransposeBias", [0, 1, 2], [3], (), options)]))
    image = numbers(*IMAGE, seed=1)
    check(path, [image], litert(path, [image], delegate=True))  # the only one of LiteRT's ways that knows it


def test_dense_weights_of_half_precision(write, litert):
    weights = numbers(2, 1, 1, 4).astype(np.float16)
    tensors = [T(IMAGE), T(value=weights), T(weights.shape), T(value=numbers(2)), T((1, 6, 8, 2))]
    operators = [Op("DEQUANTIZE", [1], [2]), Op("CONV_2D", [0, 2, 3], [4], ("Conv2DOptions", CONV))]
    path, image = write(Graph(tensors, operators)), numbers(*IMAGE, seed=1)
    check(path, [image], litert(path, [image]))


def refusal(path):
    with pytest.raises(BadDataError) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        (Op("ADD", [0, 0], [1], ("AddOptions", {"FusedActivationFunction": 4})), "TANH"),
        (Op("ADD", [0, 0], [1], ("AddOptions", {"FusedActivationFunction": 5})), "SIGN_BIT"),
        (Op("COS", [0], [1]), "COS at 0/1"),
        (Op("Flex", [0], [1], (), b"12345"), "custom operator 'Flex' (5 bytes of options) at 0/1"),
        (Op("LEAKY_RELU", [0], [1], ("LeakyReluOptions", {"Alpha": 0.5})), "LEAKY_RELU (alpha=0.5) at 0/1"),
        (Op("DEQUANTIZE", [0], [1]), "not a constant"),
        (Op("RESHAPE", [0, 0], [1]), "not a constant"),
        (Op("CONCATENATION", [0, 0], [1], ("ConcatenationOptions", {"FusedActivationFunction": 1})), "activation"),
        (Op("FULLY_CONNECTED", [0, 0], [1], ("FullyConnectedOptions", {"KeepNumDims": True})), "keep_num_dims=True"),
        (Op("FULLY_CONNECTED", [0, 0], [1], ("FullyConnectedOptions", {"WeightsFormat": 1})), "weights_format=1"),
        (Op("STRIDED_SLICE", [0] * 4, [1], ("StridedSliceOptions", {**MASKS, "EllipsisMask": 1})), "ellipsis_mask=1"),
        (Op("STRIDED_SLICE", [0] * 4, [1], ("StridedSliceOptions", {**MASKS, "NewAxisMask": 2})), "new_axis_mask=2"),
        (Op("RELU", [2], [1]), "INT8"),
        (Op("ADD", [0, 5], [1], ("AddOptions", {})), "INT64"),
        (Op("RELU", [6], [1]), "variable"),
        (Op("RELU", [3], [1]), "empty"),
        (Op("RELU", [4], [1]), "TENSOR_INT32"),
        (Op("PAD", [0, 5], [1]), "more than 32 bits"),
        (Op("Es\x1bc", [0], [1]), r"custom operator 'Es\x1bc'"),
    ],
)  # fmt: skip
def test_refused_use(write, operator, reason):
    tensors = [
        T((1, 2, 3)), T((1, 2, 3)), T((1, 2, 3), "INT8"), T((0, 2)), T((1, 2, 3), "INT32"),
        T(value=np.full((3, 2), 2**40)),
        T((1, 2, 3), is_variable=True),
    ]  # fmt: skip
    path = write(Graph([*tensors, T((1, 2, 3))], [Op("RELU", [0], [7]), operator], inputs=[0, 2, 3, 4]))
    sentence = refusal(path)
    assert reason in sentence
    assert "0/1" in sentence


def test_refusals_of_every_subgraph_are_listed(write):
    body = Graph([T((1,)), T((1,))], [Op("COS", [0], [1])])
    main = Graph([T((1,)), T((1,)), T((1,))], [Op("SIN", [0], [1]), Op("WHILE", [1], [2])])
    sentence = refusal(write(main, body))
    assert "3 of its operators" in sentence
    assert all(place in sentence for place in ("SIN at 0/0", "WHILE at 0/1", "COS at 1/0"))


def test_shape_is_kept_where_the_batch_is_open(write):
    path = write(Graph([T((1, 4)), T((1, 4))], [Op("RELU", [0], [1])]))
    main = load_model(path).canonical.main
    assert [main.operands[index].dimensions for index in main.inputs] == [(1, 4)]
    assert main.operands[main.inputs[0]].type is OperandType.TENSOR_FLOAT32


PAIR = [T((2,)), T((2,))]


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (Graph(PAIR, [Op("RELU", [7], [1])]), "operator 0's inputs name tensor 7"),
        (Graph(PAIR, [Op("RELU", [0], [-1])], outputs=[1]), "operator 0's outputs name tensor -1"),
        (Graph(PAIR, [Op("RELU", [0], [1])], inputs=[2]), "name tensor 2"),
        (Graph(PAIR, [Op("RELU", [0], [1])], outputs=[-2]), "name tensor -2"),
        (Graph(PAIR, [Op("RELU", [], [1])]), "no input 0"),
        (Graph([*PAIR, T((2,))], [Op("RELU", [2], [1]), Op("RELU", [1], [2])]), "reads tensor 2"),  # a cycle
        (Graph(PAIR, [Op("RELU", [0], [1]), Op("RELU", [0], [1])]), "which has a value already"),
        (Graph(PAIR, [Op("RELU", [0], [0])]), "which has a value already"),
        (Graph([*PAIR, T((2,))], [Op("RELU", [0], [1])], outputs=[2]), "computed by no operator"),
        (Graph([T((2,)), T((-2,))], [Op("RELU", [0], [1])]), "shape [-2]"),
        (Graph([T((2,)), T((2,), buffer=9)], [Op("RELU", [0], [1])]), "buffer 9"),
        (Graph([T((2,)), T((3,))], [Op("RELU", [0], [1])]), "dimensions [3]"),
        (Graph([*PAIR, T(value=numbers(1, 2))], [Op("PAD", [0, 2], [1])]), "needs integers"),
        (Graph([T((2**31 - 1,) * 3), T((2**31 - 1,) * 3)], [Op("RELU", [0], [1])]), "overflow"),
        (Graph([T((1, 2, 2, 1)), T((1, 2, 2, 1))], [Op("MAX_POOL_2D", [0], [1])]), "no option 'padding'"),
        (
            Graph(
                [T(IMAGE), T(value=numbers(3, 1, 1, 4)), T(value=numbers(3)), T(IMAGE)],
                [Op("Convolution2DTransposeBias", [0, 1, 2], [3], (), b"\1\0\0\0")],
            ),
            "too few options",
        ),
        (
            Graph(
                [T((2,)), T((1,)), T((2, 3), sparsity=([0, 1], [], [2, 3]), value=numbers(4)), T((2, 3))],
                [Op("RELU", [0], [1]), Op("DENSIFY", [2], [3])],
            ),
            "sparse",
        ),
    ],
)  # fmt: skip
def test_damaged_graph(write, graph, reason):
    assert reason in refusal(write(graph))


def test_constant_of_another_size_than_its_shape(write):
    path = write(Graph([T((2,)), T(value=numbers(2)), T((2,))], [Op("ADD", [0, 1], [2])]))
    damaged = path.read_bytes().replace(struct.pack("<2i", 1, 2), struct.pack("<2i", 1, 3))
    path.write_bytes(damaged)
    refusal(path)


def test_wrong_version(write):
    assert "version is 7" in refusal(write(Graph(PAIR, [Op("RELU", [0], [1])]), version=7))


def test_constants_that_unfold_to_more_than_memory_has(write):
    columns = 2**28
    sparsity = ([0, 1], [], [1, (np.array([0, 1], np.int32), np.array([3], np.int32))])
    tensors = [T((1, columns)), T((1, columns), sparsity=sparsity, value=numbers(1)), *[T((1, columns))] * 2]
    path = write(Graph(tensors, [Op("DENSIFY", [1], [2]), Op("ADD", [0, 2], [3])]))
    assert "64 times bigger than the file" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"    TFL3", b"PK\3\4" * 100, b"\x18\0\0\0TFL3" + b"\xff" * 64])
def test_other_files(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    refusal(path)


def test_files_that_cannot_be_read(tmp_path):
    refusal(tmp_path / "absent.tflite")
    refusal(tmp_path)
    assert "not a file" in refusal("/dev/zero")
