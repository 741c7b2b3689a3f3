"""From a float model to one that accelerators take.

``quantizer`` goes about static quantisation: ``samples`` and ``observing`` find out what values tensors have,
``calibration`` and ``histogram`` make ranges of them, ``rules`` say what NNAPI asks of each operation, ``groups``
and ``grid`` give each tensor its scale, ``rephrasing`` and ``equalization`` prepare the float model, ``weights``
and ``correction`` do the constants, ``static`` puts it together, ``sensitivity`` mixes precisions. ``dynamic``
and ``float16`` are the schemes that need no samples.

There is no scheme with 16-bit activations: NNAPI's 16-bit types are for the state of QUANTIZED_LSTM, boxes and
CAST; no convolution, product or elementwise operation takes them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hal.device import Progress
from hal.errors import BadDataError
from hal.metadata import Preprocessing
from hal.model import Model as CanonicalModel
from hal.types import OperandType
from runtime.model import Model
from tools.optimization.optimizer import optimized
from tools.quantization.calibration import Calibration
from tools.quantization.dynamic import with_small_weights
from tools.quantization.float16 import in_float16
from tools.quantization.quantizer import Options, Quantizer
from tools.quantization.samples import checked
from tools.quantization.sensitivity import Mixed, within
from tools.samples import Sample

__all__ = ["SCHEMES", "Report", "quantize"]

_STATIC = {"int8": OperandType.TENSOR_QUANT8_ASYMM_SIGNED, "uint8": OperandType.TENSOR_QUANT8_ASYMM}
SCHEMES = (*_STATIC, "dynamic", "float16")
"""Activations and weights in 8 bits, signed or not; only weights in 8 bits; everything in float16."""

_WEIGHTS = ("per-channel", "per-tensor")
_EDGES = ("float", "quantised")


@dataclass(frozen=True, slots=True)
class Report:
    """What quantising did.

    ``weights_before`` and ``weights_after``: bytes of all constants. ``operations``: by number, the type of each
    operation that was to compute in 8 bits, and why it stays float, "" if it does not. ``mixed``: what the error
    budget took.
    """

    weights_before: int
    weights_after: int
    operations: tuple[tuple[str, str], ...] = ()
    mixed: Mixed | None = None

    @property
    def quantised(self) -> int:
        """How many operations compute in 8 bits."""
        return sum(not reason for _, reason in self.operations)

    def as_json(self) -> dict[str, Any]:
        """All of it but the model, of types that JSON has."""
        facts: dict[str, Any] = {
            "weights_before": self.weights_before,
            "weights_after": self.weights_after,
            "operations": [
                {"operation": number, "type": name, "stays_float": reason}
                for number, (name, reason) in enumerate(self.operations)
            ],
        }
        if self.mixed is not None:
            facts["sqnr_db"] = self.mixed.sqnr
            facts["sensitivities"] = [
                {"operation": each.number, "type": each.name, "sqnr_db": each.sqnr} for each in self.mixed.sensitivities
            ]
        return facts


def quantize(
    model: Model,
    samples: Sequence[Sample] = (),
    *,
    scheme: str = "int8",
    weights: str = "per-channel",
    calibration: str = "mse",
    edges: str = "float",
    exclude: Iterable[int | str] = (),
    correct_biases: bool = True,
    equalise: bool = True,
    budget: float | None = None,
    preprocessing: Preprocessing | None = None,
    progress: Progress = lambda *_news: None,
) -> tuple[Model, Report]:
    """A quantised model of a finished float ``model``, and what was done; ``model`` itself stays as it is.

    ``samples``: for each, an array for each input, of its dimensions, finite; for the schemes "int8" and
    "uint8" alone, which compute in 8 bits: TENSOR_QUANT8_ASYMM_SIGNED or TENSOR_QUANT8_ASYMM. ``weights``:
    "per-channel" (TENSOR_QUANT8_SYMM_PER_CHANNEL) or "per-tensor". ``calibration``: "min-max",
    "moving-average", "percentile" or "mse", see ``Calibration``. ``edges``: inputs and outputs stay "float" or
    become "quantised". ``exclude``: operations that stay float, by their numbers in ``Report.operations`` or
    by their types' names. ``correct_biases`` and ``equalise``:
    see ``correction`` and ``equalization``. ``budget``: the least signal to noise of each output in dB, for
    which as many operations stay float as need be. ``preprocessing``: what images go through, stated in the
    new model's metadata.

    Raises ``BadDataError`` for options, samples or a model that can't be, or where there is nothing to quantise.
    """
    for name, value, known in (
        ("scheme", scheme, SCHEMES),
        ("kind of weights", weights, _WEIGHTS),
        ("calibration", calibration, [each.value for each in Calibration]),
        ("kind of edges", edges, _EDGES),
    ):
        _check_known(name, value, known)
    if budget is not None and not (isinstance(budget, (int, float)) and math.isfinite(budget)):
        raise BadDataError(f"the error budget is {budget!r}; it must be a number of decibels")
    if isinstance(exclude, str) or not isinstance(exclude, Iterable):
        raise BadDataError(f"exclude is {exclude!r}; it must be a list of operations' numbers and types")
    model.verify()
    canonical = model.canonical
    if scheme in _STATIC:
        options = Options(
            _STATIC[scheme],
            weights == "per-channel",
            Calibration(calibration),
            edges == "float",
            correct_biases,
            equalise,
            frozenset(exclude),
        )
        result, report = _static(canonical, samples, options, budget, progress)
    else:
        better, _ = optimized(canonical)
        per_channel = weights == "per-channel"
        result = with_small_weights(better, per_channel=per_channel) if scheme == "dynamic" else in_float16(better)
        report = Report(_constants(canonical), _constants(result))
    stated = preprocessing or model.metadata.preprocessing
    metadata = replace(model.metadata, preprocessing=stated, creator=f"nnhal quantize --scheme {scheme}")
    return Model.from_canonical(result, metadata), report


def _static(
    canonical: CanonicalModel, samples: Sequence[Sample], options: Options, budget: float | None, progress: Progress
) -> tuple[CanonicalModel, Report]:
    main = canonical.main
    good = checked(samples, [main.operands[index] for index in main.inputs])
    quantizer = Quantizer(canonical, good, options, progress)
    mixed = None if budget is None else within(quantizer, good, budget, progress)
    result = quantizer.quantised() if mixed is None else mixed.model
    reasons = quantizer.reasons | dict.fromkeys(
        mixed.left_float if mixed else (), "it is too sensitive for the error budget"
    )
    numbers = range(len(quantizer.model.main.operations))
    operations = tuple((quantizer.name(number), reasons.get(number, "")) for number in numbers)
    return result, Report(_constants(canonical), _constants(result), operations, mixed)


def _constants(model: CanonicalModel) -> int:
    parts = (model.main, *model.referenced)
    return sum(each.value.nbytes for part in parts for each in part.operands if each.value is not None)


def _check_known(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        near = difflib.get_close_matches(str(value), known, 1)
        hint = f"; '{near[0]}' is one" if near else ""
        raise BadDataError(f"there is no {name} '{value}'{hint}; there are {', '.join(known)}")
