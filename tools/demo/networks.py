"""MediaPipe's two face networks in the numbers that each device computes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hal.device import Progress
from runtime.model import Model
from tools.crops import crops
from tools.importers import load_model
from tools.quantization import quantize

DETECTOR, LANDMARKS = "face_detection_short_range", "face_landmark"
CROPS = 32
"""What ranges of int8 tensors are fitted to."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the photograph is looked at: a device by its name, and what it computes in."""

    device: str
    numbers: str

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.device.upper()}, {self.numbers}"


WAYS = (Way("cpu", "float32"), Way("gpu", "float16"), Way("dsp", "int8"), Way("npu", "int8"))
"""The reference first."""


@dataclass(frozen=True, slots=True)
class Networks:
    """``size``: bytes of both as files."""

    detector: Model
    landmarks: Model
    size: int


def networks(files: Mapping[str, Path], progress: Progress) -> dict[str, Networks]:
    """By the kind of numbers, the networks in ``files``.

    float16 is a relaxed computation of the same float32 model: what stores numbers as float16 is the device. int8 has
    weights per channel, and int8 inputs and outputs, so that an accelerator can take all of it.
    """

    def small(name: str) -> Model:
        return quantize(load_model(files[name]), crops(name, CROPS), edges="quantised", progress=progress)[0]

    return {
        "float32": _both(lambda name: load_model(files[name])),
        "float16": _both(lambda name: load_model(files[name], relaxed=True)),
        "int8": _both(small),
    }


def _both(make: Callable[[str], Model]) -> Networks:
    detector, landmarks = make(DETECTOR), make(LANDMARKS)
    return Networks(detector, landmarks, _file_size(detector) + _file_size(landmarks))


def _file_size(model: Model) -> int:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.nnhal"
        model.save(path)
        return path.stat().st_size
