"""Samples for MediaPipe's models: crops of the photographs that matplotlib, scikit-image and scikit-learn ship.

The same seed gives the same crops. There is no hand on any of the photographs, so the hand model's crops show
what it sees in between hands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hal.errors import BadDataError, OpFailedError
from runtime.compiled import compile_model
from tools import vision
from tools.extras import needs
from tools.importers import load_model
from tools.models import fetch_models
from tools.samples import Sample
from tools.vision import Face, Region

if TYPE_CHECKING:
    from PIL.Image import Image

_DETECTOR = "face_detection_short_range"

_PORTRAITS = (("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"), ("skimage", "data/astronaut.png"))
_PEOPLE = (*_PORTRAITS, ("skimage", "data/camera.png"))
_THINGS = (
    ("skimage", "data/coffee.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
"""Each photo's package, and its file there."""

_SHIFT = 0.05
_SIZES = (0.9, 1.1)
_TURN = math.radians(10)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a model looks at: crops of ``size`` pixels whose values go from ``low`` to 1."""

    size: int
    low: float
    regions: str


_KINDS = {
    _DETECTOR: _Kind(vision.DETECTION_SIZE, -1, "people"),
    "face_landmark": _Kind(vision.LANDMARK_SIZE, 0, "faces"),
    "hand_landmark_lite": _Kind(224, 0, "details"),
    "iris_landmark": _Kind(64, 0, "eyes"),
    "selfie_segmentation": _Kind(256, 0, "people"),
}

MODELS = tuple(_KINDS)
"""The models that there are crops for."""


def crops(model: str, count: int, seed: int = 0) -> list[Sample]:
    """``count`` samples for one of ``MODELS``, each shifted, scaled and turned at random, half of them mirrored.

    Raises ``BadDataError`` for another model, ``OpFailedError`` where the photographs' packages are missing.
    """
    if model not in _KINDS:
        raise BadDataError(f"there are no crops for '{model}'; there are for {', '.join(_KINDS)}")
    kind = _KINDS[model]
    generator = np.random.default_rng(seed)
    candidates = _candidates(kind.regions)
    samples = []
    for number in range(count):
        photo, region = candidates[number % len(candidates)]
        across, down = generator.uniform(-_SHIFT, _SHIFT, 2) * region.side
        moved = replace(
            region,
            x=region.x + across,
            y=region.y + down,
            side=region.side * generator.uniform(*_SIZES),
            angle=region.angle + generator.uniform(-_TURN, _TURN),
        )
        pixels = moved.crop(photo, kind.size, kind.low, 1).astype(np.float64)
        samples.append([pixels[:, :, ::-1] if generator.random() < 0.5 else pixels])
    return samples


def portrait() -> Image:
    """Grace Hopper's, which comes with matplotlib: the photograph that the demonstration is about."""
    return _photo(_PORTRAITS[0])


def _candidates(regions: str) -> Sequence[tuple[Image, Region]]:
    if regions == "people":
        return [(photo, vision.whole(photo)) for photo in map(_photo, _PEOPLE)]
    if regions == "details":
        return [(photo, part) for photo in map(_photo, (*_PEOPLE, *_THINGS)) for part in _parts(photo)]
    faces = [(photo, _face(photo)) for photo in map(_photo, _PORTRAITS)]
    if regions == "faces":
        return [(photo, face.landmark_region()) for photo, face in faces]
    return [(photo, eye) for photo, face in faces for eye in _eyes(face)]


@cache
def _photo(source: tuple[str, str]) -> Image:
    package, name = source
    with needs("demo"):
        from PIL import Image

        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name=package)
    with Image.open(Path(spec.origin).parent / name) as image:
        return image.convert("RGB")


def _face(photo: Image) -> Face:
    region = vision.whole(photo)
    path = fetch_models(names=[_DETECTOR])[_DETECTOR]
    with compile_model(load_model(path), ["cpu"]) as detector:
        regressors, logits = detector.run([region.crop(photo, vision.DETECTION_SIZE, -1, 1)])
    faces = vision.decode_faces(regressors, logits, region)
    if not faces:
        raise OpFailedError("the detector found no face on a portrait; it must find one")
    return faces[0]


def _parts(photo: Image) -> list[Region]:
    """Four squares, half as high as the photo."""
    side = min(photo.width, photo.height) / 2
    return [Region(photo.width * x, photo.height * y, side) for x in (0.3, 0.7) for y in (0.3, 0.7)]


def _eyes(face: Face) -> list[Region]:
    """As far around each eye as the eyes are apart, about 2.3 times an eye's width, along their line."""
    across, down = face.keypoints[1] - face.keypoints[0]
    apart, angle = math.hypot(across, down), math.atan2(down, across)
    return [Region(x, y, apart, angle) for x, y in face.keypoints[:2].tolist()]
