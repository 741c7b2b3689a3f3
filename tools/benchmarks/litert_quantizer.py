"""LiteRT's own post-training quantiser, ``ai_edge_quantizer``, and LiteRT to run what it makes."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import CalibrationInterpreter, CalibrationMode
from ai_edge_quantizer.utils import qsv_utils

from hal.device import Progress
from hal.operations.declaration import Array
from tools.benchmarks.litert_input import SIGNATURE, FloatFile
from tools.samples import Sample

_Operation = qtyping.TFLOperationName
_WEIGHTED = (
    _Operation.CONV_2D,
    _Operation.DEPTHWISE_CONV_2D,
    _Operation.CONV_2D_TRANSPOSE,
    _Operation.FULLY_CONNECTED,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A way of static quantisation: how ranges of activations are found, and the scales of weights."""

    calibration: str
    weights: str

    def __str__(self) -> str:
        return f"{self.calibration}, weights {self.weights}"


SETTINGS = tuple(
    Setting(calibration, weights)
    for calibration in ("moving-average", "min-max")
    for weights in ("min-max", "OCTAV", "MSE")
)
"""The first is what the recipe ``static_wi8_ai8`` and calibration do unless told otherwise."""

WITHOUT_SAMPLES = {"weights": recipe.weight_only_wi8_afp32, "dynamic": recipe.dynamic_wi8_afp32}
"""Recipes for weights in 8 bits: computed with in float, and in 8 bits with ranges found while running."""


def static(file: FloatFile, samples: Sequence[Sample], setting: Setting, *, float_edges: bool) -> bytes:
    """The file in int8, activations asymmetric, weights symmetric by channel, calibrated with ``samples``.

    ``float_edges``: inputs, outputs and what only brings outputs in form stay float.
    """
    content = file.content
    tool = quantizer.Quantizer(content)
    tool.load_quantization_recipe(recipe.static_wi8_ai8(*_algorithm(setting.weights)))
    if setting.weights == "MSE":  # an algorithm for weights alone
        tool.load_quantization_recipe(recipe.static_wi8_ai8())
        for operation in _WEIGHTED:
            tool.add_static_config(".*", operation, 8, 8, algorithm_key=AlgorithmName.MSE)
    if float_edges:
        for operation in (_Operation.INPUT, _Operation.OUTPUT):
            tool.update_quantization_recipe(".*", operation, None, AlgorithmName.NO_QUANTIZE)
        for name in file.ending:
            pattern = f"^{re.escape(name)};?$"
            tool.update_quantization_recipe(pattern, _Operation.ALL_SUPPORTED, None, AlgorithmName.NO_QUANTIZE)
    with _quiet():
        return bytes(tool.quantize(_calibrated(content, samples, setting.calibration)).quantized_model)


def without_samples(file: FloatFile, scheme: str) -> bytes:
    """The file with weights in 8 bits, by one of ``WITHOUT_SAMPLES``."""
    tool = quantizer.Quantizer(file.content)
    tool.load_quantization_recipe(WITHOUT_SAMPLES[scheme]())
    with _quiet():
        return bytes(tool.quantize().quantized_model)


def run(content: bytes, samples: Sequence[Sample], progress: Progress = lambda *_news: None) -> list[list[Array]]:
    """For each sample, the real numbers of each output that LiteRT computes, in the file's order."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    results = []
    for done, sample in enumerate(samples):
        progress("running LiteRT", done, len(samples))
        for detail, values in zip(inputs, sample):
            interpreter.set_tensor(detail["index"], _stored(values, detail))
        interpreter.invoke()
        results.append([_real(interpreter.get_tensor(detail["index"]), detail) for detail in outputs])
    return results


def _algorithm(weights: str) -> list[AlgorithmName]:
    return [AlgorithmName.OCTAV] if weights == "OCTAV" else []


def _calibrated(content: bytes, samples: Sequence[Sample], calibration: str) -> dict[str, Any]:
    update = {"qsv_update_func": qsv_utils.min_max_update} if calibration == "min-max" else {}
    interpreter = CalibrationInterpreter(content, CalibrationMode.CALIBRATION_PROFILER_BASED, **update)
    runner = interpreter.get_signature_runner(SIGNATURE)
    names = list(runner.get_input_details())
    for sample in samples:
        runner(**{name: values.astype(np.float32) for name, values in zip(names, sample)})
    return interpreter.get_calibration_results()


def _stored(values: Array, detail: Mapping[str, Any]) -> Array:
    scale, zero_point = detail["quantization"]
    if not scale:
        return values.astype(detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(detail["dtype"])


def _real(stored: Array, detail: Mapping[str, Any]) -> Array:
    scale, zero_point = detail["quantization"]
    return (stored.astype(np.float64) - zero_point) * scale if scale else stored.copy()


@contextlib.contextmanager
def _quiet():
    """Without the bars and reports that the quantiser prints of its own."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield
