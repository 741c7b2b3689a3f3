"""PyTorch's NNAPI backend, as it is in the wheel, on our devices: each kind of module that it converts.

A module's result must be what PyTorch itself computes; one with quantised tensors may be a quantum away where said.
"""

from __future__ import annotations

import pytest

pytestmark = [
    pytest.mark.slow,  # importing PyTorch alone takes seconds
    pytest.mark.filterwarnings("ignore"),  # PyTorch's about its own quantisation and tracing
]

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'nnhal[torch]'")

from torch import nn  # noqa: E402
from torch.backends._nnapi.prepare import convert_model_to_nnapi  # noqa: E402

LAYOUTS = ("nchw", "nhwc")


@pytest.fixture(autouse=True, params=["cpu", "all"])
def devices(request, monkeypatch, nn):
    """Which devices the library offers while a test runs."""
    if request.param == "cpu":
        monkeypatch.setenv("NNHAL_DEVICES", "cpu")
    torch.manual_seed(7)
    torch.backends.quantized.engine = "qnnpack"
    return request.param


def channels_last(tensor):
    """The same values, marked as the converter wants it for tensors that NNAPI gets as NHWC."""
    tensor = tensor.clone().contiguous(memory_format=torch.channels_last)
    tensor.nnapi_nhwc = True
    return tensor


def quantised(values, scale, zero_point=128, dtype=torch.quint8):
    return torch.quantize_per_tensor(torch.as_tensor(values), scale, zero_point, dtype)


def laid_out(tensor, layout):
    return channels_last(tensor) if layout == "nhwc" else tensor


def function(body):
    """A module of one function."""

    class Module(nn.Module):
        def forward(self, *tensors):
            return body(*tensors)

    return Module()


def converted(module, inputs, described=None):
    """``module`` for NNAPI; ``described``: inputs in the place of ``inputs`` whose sizes of 0 mean any."""
    with torch.no_grad():
        return convert_model_to_nnapi(torch.jit.trace(module.eval(), inputs), described or inputs)


def agrees(module, *inputs, described=None, quanta=0, apart=1.0, traced=None, **tolerance):
    """Run ``module`` both ways.

    ``quanta``: how far quantised results may be apart, and ``apart`` the share of them that may be.
    """
    inputs = list(inputs)
    with torch.no_grad():
        wanted = module.eval()(*inputs)
        found = converted(module, traced or inputs, described or inputs)(*inputs)
    if quanta:
        steps = (wanted.int_repr().int() - found.int_repr().int()).abs()
        assert steps.max() <= quanta
        assert steps.count_nonzero() <= apart * steps.numel()
    else:
        torch.testing.assert_close(found, wanted, check_stride=False, **tolerance)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_prelu(layout):
    x = torch.tensor([1.0, -1.0, 2.0, -2.0]).reshape(1, 4, 1, 1)
    agrees(nn.PReLU(), laid_out(x, layout))


def test_prelu_with_a_slope_for_each_channel():
    x = torch.tensor([1.0, -1.0, 2.0, -2.0]).reshape(1, 4, 1, 1)
    module = nn.PReLU(4)
    module.weight.data = torch.tensor([0.1, 0.2, 0.3, 0.4])
    agrees(module, channels_last(x))
    anything = [channels_last(torch.zeros(1, 4, 0, 0))]
    agrees(module, channels_last(x), described=anything, traced=[torch.zeros(1, 4, 3, 3)])


def test_quantize_and_dequantize():
    agrees(nn.quantized.Quantize(0.25, 2, torch.quint8), channels_last(torch.tensor([[[[1.0]], [[2.0]]]])))
    agrees(nn.quantized.DeQuantize(), channels_last(quantised([[[[1.0]], [[2.0]]]], 0.25, 2)))


@pytest.mark.parametrize("place", [-2, -1, 0, 1, 2])
def test_unsqueeze(place):
    agrees(function(lambda x: x.unsqueeze(place)), torch.randn(4, 2, 2))


def test_reshape():
    agrees(function(lambda x: x.reshape(2, 4)), torch.randn(4, 2, 1, 1))
    agrees(function(lambda x: x.reshape(8, -1)), channels_last(torch.randn(4, 2, 1, 1)))
    with pytest.raises(Exception, match="target size"):
        converted(function(lambda x: x.reshape(2, 4)), [channels_last(torch.randn(4, 2, 1, 1))])


@pytest.mark.parametrize(("first", "last"), [(1, -1), (2, 3), (2, 4), (0, -2), (0, 4)])
def test_flatten(first, last):
    agrees(nn.Flatten(first, last), torch.randn(4, 2, 1, 3, 7))


def test_slices():
    strided = function(lambda x: x[1:, 1:5:2, :])
    agrees(strided, torch.randn(4, 6, 2))
    agrees(function(lambda x: x[3:]), torch.randn(5))
    agrees(strided, torch.randn(4, 6, 2), described=[torch.zeros(4, 6, 0)])
    with pytest.raises(Exception, match="slice with flexible shape"):
        converted(strided, [torch.randn(4, 6, 2)], [torch.zeros(0, 0, 0)])


@pytest.mark.parametrize(
    ("axis", "channels", "layout"), [(0, (2, 2), "nchw"), (1, (2, 4), "nchw"), (1, (2, 4), "nhwc")]
)
def test_concatenation(axis, channels, layout):
    batches = (1, 2) if axis == 0 else (1, 1)
    parts = [laid_out(torch.randn(batch, count, 3, 3), layout) for batch, count in zip(batches, channels)]
    agrees(function(lambda x, y: torch.cat([x, y], axis)), *parts)


@pytest.mark.parametrize("unary", [torch.relu, torch.sigmoid], ids=lambda each: each.__name__)
def test_pointwise_of_one(unary):
    agrees(function(unary), torch.tensor([-1.0, 1.0]))


@pytest.mark.parametrize("binary", [torch.add, torch.sub, torch.mul, torch.div], ids=lambda each: each.__name__)
def test_pointwise_of_two(binary):
    module = function(lambda x, y: binary(x, y))
    agrees(module, torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    matrix = torch.tensor([[3.0, 4.0], [5.0, 6.0]])
    agrees(module, torch.tensor([[1.0, 2.0]]), matrix)
    with pytest.raises(Exception, match="Non-equal-rank broadcast"):
        converted(module, [torch.tensor([1.0, 2.0]), matrix])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("first", [True, False])
def test_a_constant_takes_the_layout_of_what_it_is_added_to(layout, first):
    one = torch.ones(1, 1, 1, 1)
    module = function((lambda x: one + x) if first else (lambda x: x + one))
    found = agrees(module, laid_out(torch.randn(2, 4, 6, 6), layout))
    wanted = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    assert found.is_contiguous(memory_format=wanted)


def test_hardtanh():
    x = torch.tensor([-2.0, -0.5, 0.5, 2.0, 7.0])
    agrees(nn.Hardtanh(), x)
    agrees(nn.Hardtanh(0.0, 6.0), x)
    with pytest.raises(Exception, match="hardtanh with args"):
        converted(nn.Hardtanh(0.0, 5.0), [x])


def test_softmax():
    x = torch.tensor([[-2.0, -0.5], [0.5, 2.0]])
    agrees(nn.Softmax(dim=1), x)
    agrees(nn.Softmax(dim=0), x)
    agrees(nn.Softmax(dim=1), x, described=[torch.zeros(0, 0)])


@pytest.mark.parametrize("axis", [0, 1])
def test_log_softmax(axis):
    agrees(nn.LogSoftmax(axis), torch.randn(3, 10))


@pytest.mark.parametrize("described", [None, [torch.zeros(1, 2, 0, 0)]], ids=["known", "any size"])
def test_what_does_nothing_is_left_out(described):
    x = torch.randn(1, 2, 3, 3)
    agrees(nn.Sequential(function(lambda x: x.to("cpu")), nn.PReLU()), x, described=described)
    agrees(function(lambda x: torch.relu(x.detach())), x, described=described)


@pytest.mark.parametrize(
    ("axes", "keep", "shape", "layout"),
    [
        (0, False, (2, 3), "nchw"),
        (1, False, (2, 3), "nchw"),
        ([2, 3], False, (2, 3, 6, 6), "nchw"),
        ([2, 3], False, (2, 3, 6, 6), "nhwc"),
        ([-1, -2], False, (2, 3, 6, 6), "nhwc"),
        ([-1, -2], True, (2, 3, 6, 6), "nhwc"),
    ],
)
def test_mean(axes, keep, shape, layout):
    agrees(function(lambda x: torch.mean(x, dim=axes, keepdim=keep)), laid_out(torch.randn(shape), layout))


IMAGES = [(layout, is_quantised) for is_quantised in (False, True) for layout in LAYOUTS]
images = pytest.mark.parametrize(("layout", "is_quantised"), IMAGES, ids=lambda each: str(each))


def image(shape, layout, is_quantised, scale=0.03):
    values = torch.randn(shape) if 0 not in shape else torch.zeros(shape)
    return laid_out(quantised(values, scale) if is_quantised else values, layout)


WINDOWS = [(2, None), ((3, 4), None), ((3, 4), (1, 2))]


@images
@pytest.mark.parametrize(("window", "stride"), WINDOWS)
def test_max_pooling(layout, is_quantised, window, stride):
    agrees(nn.MaxPool2d(window, stride), image((2, 3, 12, 16), layout, is_quantised))


@images
@pytest.mark.parametrize(("window", "stride"), WINDOWS)
def test_average_pooling(layout, is_quantised, window, stride):
    x = image((2, 3, 12, 16), layout, is_quantised)
    quanta = 1 if is_quantised else 0
    agrees(nn.AvgPool2d(window, stride), x, quanta=quanta)
    agrees(nn.AvgPool2d(window, stride), x, described=[image((2, 3, 0, 0), layout, is_quantised)], quanta=quanta)


@images
def test_a_quantised_input_may_come_in_another_scale(layout, is_quantised):
    """The converter writes the scale that it was shown; what comes is taken by its integers."""
    x = image((2, 3, 12, 16), layout, is_quantised)
    described = [image((2, 3, 0, 0), layout, is_quantised, scale=1 / 16)]
    agrees(nn.AvgPool2d(2), x, described=described, quanta=1 if is_quantised else 0)


@images
def test_average_of_all(layout, is_quantised):
    x = image((2, 3, 12, 16), layout, is_quantised)
    agrees(nn.AdaptiveAvgPool2d((1, 1)), x)
    with pytest.raises(Exception, match="with output size"):
        converted(nn.AdaptiveAvgPool2d((2, 2)), [x])


SIZES = [{"size": size} for size in [(16, 20), (24, 32), (36, 48)]]
FACTORS = [{"scale_factor": (factor, factor)} for factor in (1.5, 2.0, 3.0)]


@images
@pytest.mark.parametrize("wanted", SIZES + FACTORS, ids=str)
def test_upsampling(layout, is_quantised, wanted):
    x = image((2, 3, 12, 16), layout, is_quantised)
    agrees(nn.UpsamplingNearest2d(**wanted), x)


@images
@pytest.mark.parametrize("wanted", [SIZES[1], FACTORS[1]], ids=str)
def test_upsampling_of_any_size(layout, is_quantised, wanted):
    x = image((2, 3, 12, 16), layout, is_quantised)
    agrees(nn.UpsamplingNearest2d(**wanted), x, described=[image((2, 3, 0, 0), layout, is_quantised)])


def test_linear():
    agrees(nn.Linear(16, 32), torch.randn(2, 16))
    agrees(nn.Linear(16, 32), torch.randn(2, 16), described=[torch.zeros(0, 16)])


def statically_quantised(module, sample):
    """``module`` in QNNPACK's integers, by the ranges that ``sample`` shows."""
    module = nn.Sequential(module).eval()
    module.qconfig = torch.ao.quantization.get_default_qconfig("qnnpack")
    module = torch.ao.quantization.prepare(module)
    module(sample)
    return torch.ao.quantization.convert(module)


CONVOLUTIONS = {
    "3x3": {"in_channels": 4, "out_channels": 8, "kernel_size": 3},
    "3x3 without bias": {"in_channels": 4, "out_channels": 8, "kernel_size": 3, "bias": False},
    "3x3 padded": {"in_channels": 4, "out_channels": 16, "kernel_size": 3, "padding": 1},
    "3x3 by twos": {"in_channels": 8, "out_channels": 8, "kernel_size": 3, "stride": 2},
    "5x5": {"in_channels": 4, "out_channels": 8, "kernel_size": 5},
    "3x3 depthwise": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 4},
    "1x1": {"in_channels": 8, "out_channels": 4, "kernel_size": 1},
}


@images
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(layout, is_quantised, name):
    channels = CONVOLUTIONS[name]["in_channels"]
    module, x = nn.Conv2d(**CONVOLUTIONS[name]), torch.randn(2, channels, 16, 16)
    nearly = {}
    if is_quantised:
        module, x = statically_quantised(module, x), quantised(x, 1 / 16)
        nearly = {"quanta": 1, "apart": 0.03}  # QNNPACK rounds its sums otherwise than NNAPI
    x = laid_out(x, layout)
    agrees(module, x, **nearly)
    agrees(module, x, described=[image((0, channels, 0, 0), layout, is_quantised, scale=1 / 16)], **nearly)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_transposed_convolution(layout):
    module, x = nn.ConvTranspose2d(5, 7, 2), laid_out(torch.randn(4, 5, 3, 3), layout)
    agrees(module, x, atol=2e-4, rtol=0)
    agrees(module, x, described=[laid_out(torch.zeros(4, 5, 0, 0), layout)], atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", ["add", "add_relu"])
def test_quantised_addition(name):
    functional = nn.quantized.QFunctional()
    functional.scale, functional.zero_point = 0.5, 120
    module = function(lambda x, y: getattr(functional, name)(x, y))
    agrees(module, quantised([1.0, 2.0], 0.25), quantised([3.0, 4.0], 0.25))
    x, y = quantised([[1.0, 2.0]], 0.25), quantised([[3.0, 4.0]], 0.25)
    zeros = quantised(torch.zeros(1, 2), 0.25)
    for described in ([x, zeros], [zeros, y], [zeros, zeros]):
        agrees(module, x, y, described=described)


def test_quantised_linear():
    torch.manual_seed(29)  # no sum of these lies so near a half that QNNPACK's rounding of the bias tells
    module = nn.quantized.Linear(32, 16)
    module.set_weight_bias(quantised(torch.randn(16, 32), 0.125, 0, torch.qint8), torch.randn(16))
    agrees(module, quantised(torch.randn(2, 32), 0.05, 130))


def test_an_image_is_multiplied_by_a_number_for_each_channel():
    agrees(function(lambda x, y: x * y), channels_last(torch.randn(2, 3, 4, 4)), torch.randn(1, 3, 1, 1))


def test_two_outputs():
    module = function(lambda x, y: (x + y, x - y))
    agrees(module, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
