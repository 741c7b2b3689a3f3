"""MobileNetV2 in plain PyTorch, on NNAPI devices.

    nnhal exec -- python mobilenet_v2.py                         # float
    nnhal exec --devices cpu,npu -- python mobilenet_v2.py int8  # quantised with QNNPACK

PyTorch's own NNAPI backend converts the traced network and calls libneuralnetworks.so. The partition is printed when
NNAPI has compiled the model: which device got how many operations. The weights are random, so only the agreement with
PyTorch's own result means something.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from torch import nn
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import DeQuantStub, QuantStub, convert, fuse_modules, get_default_qconfig, prepare
from torch.backends._nnapi.prepare import ANEURALNETWORKS_PREFER_LOW_POWER, convert_model_to_nnapi

import nnhal
from runtime.telemetry import CompilationRecord, Record

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, and the first block's stride, as in the paper (Sandler et al., 2018)."""


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True):
    """A convolution with its normalisation and, mostly, its activation."""
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)]
    nn.init.kaiming_normal_(layers[0].weight)
    layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """Wide in the middle, narrow at its ends; its input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widened = [convolution(inputs, hidden, 1)] if expansion > 1 else []
        depthwise = convolution(hidden, hidden, 3, stride, groups=hidden)
        self.layers = nn.Sequential(*widened, depthwise, convolution(hidden, outputs, 1, relu=False))
        self.sum = FloatFunctional() if stride == 1 and inputs == outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x``: (N, channels, height, width)."""
        return self.layers(x) if self.sum is None else self.sum.add(x, self.layers(x))


class MobileNetV2(nn.Module):
    """From images to a number for each class."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers, channels = [convolution(3, 32, 3, stride=2)], 32
        for expansion, outputs, blocks, stride in STAGES:
            for index in range(blocks):
                layers.append(InvertedResidual(channels, outputs, expansion, stride if index == 0 else 1))
                channels = outputs
        self.features = nn.Sequential(*layers, convolution(channels, 1280, 1))
        self.classifier = nn.Linear(1280, classes)
        self.quantize, self.dequantize = QuantStub(), DeQuantStub()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``image``: (N, 3, height, width)."""
        features = self.features(self.quantize(image))
        return self.dequantize(self.classifier(features.mean([2, 3])))


def fused(network: MobileNetV2) -> MobileNetV2:
    """Batch norms and activations become part of the convolutions before them."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            fuse_modules(module, [str(index) for index in range(len(module))], inplace=True)
    return network


def quantised(network: MobileNetV2, images: Iterator[torch.Tensor]) -> nn.Module:
    """8-bit integers as QNNPACK computes them; ``images`` show the ranges."""
    torch.backends.quantized.engine = "qnnpack"
    network.qconfig = get_default_qconfig("qnnpack")
    observed = prepare(network)
    for image in images:
        observed(image)
    return convert(observed)


def show(record: Record) -> None:
    """Print what a compilation has made of the model; executions say nothing."""
    if isinstance(record, CompilationRecord):
        for step in record.steps:
            print(f"  {step.device}: {step.operations} operations, {step.cost.seconds * 1e3:.2f} ms")


@torch.no_grad()
def main(kind: str = "float") -> None:
    """``kind``: float or int8."""
    torch.manual_seed(1)
    network = fused(MobileNetV2().eval())
    if kind == "int8":
        network = quantised(network, (torch.randn(1, 3, 224, 224) for _ in range(4)))
    image = torch.randn(1, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    image.nnapi_nhwc = True  # NNAPI's convolutions read NHWC: so nothing is transposed
    on_nnapi = convert_model_to_nnapi(
        torch.jit.trace(network, image),
        [image],
        compilation_preference=ANEURALNETWORKS_PREFER_LOW_POWER,
        relax_f32_to_f16=kind == "float",  # the GPU computes in float16, if that is allowed
    )
    nnhal.set_telemetry(show)
    found, wanted = on_nnapi(image), network(image)
    noise = 10 * torch.log10(wanted.square().sum() / (found - wanted).square().sum())
    same = bool(found.argmax() == wanted.argmax())
    print(f"  beside PyTorch's own result: signal to noise {noise:.1f} dB, the same class: {same}")


if __name__ == "__main__":
    main(*sys.argv[1:])
