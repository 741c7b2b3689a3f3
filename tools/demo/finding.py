"""A face and its landmarks, found on a photograph by one device."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from hal.device import Progress, Timing
from hal.errors import OpFailedError
from hal.inference import with_inferred_dimensions
from hal.model import Model as CanonicalModel
from runtime.compiled import CompiledModel, compile_model
from runtime.model import Model
from runtime.report import ExecutionReport
from tools import vision
from tools.demo.networks import Networks
from tools.explain.collect import macs
from tools.samples import Array, real, stored
from tools.vision import Face, Region

if TYPE_CHECKING:
    from PIL.Image import Image

_RUNS = 20
"""Of which the wall clock's median is taken."""


@dataclass(frozen=True, slots=True)
class Run:
    """One network's execution.

    ``outputs``: real numbers. ``timing``: the device's own account of one execution, and ``wall`` seconds that pass
    here. ``macs``: the network's multiply-accumulates, ``macs_there`` those that the device executed.
    """

    outputs: list[Array]
    timing: Timing
    wall: float
    macs: int
    macs_there: int


@dataclass(frozen=True, slots=True)
class Found:
    """The surest face, its 468 landmarks [468, 2] in photo pixels, and the score that a face is there.

    ``runs``: of the detector and of the landmarks' network. ``outputs``: of both, for inputs that are the same on
    every device: the whole photo, and the region that the landmarks of all are compared in.
    """

    face: Face
    landmarks: Array
    score: float
    runs: tuple[Run, Run]
    outputs: list[Array]


def find(networks: Networks, device: str, photo: Image, region: Region | None, progress: Progress) -> Found:
    """What a device finds on ``photo``; ``region``: where landmarks are compared, None for where it finds the face.

    Raises ``OpFailedError`` where it finds none, ``BadDataError`` where it does not take a network.
    """
    with (
        compile_model(networks.detector, [device], progress=progress) as detector,
        compile_model(networks.landmarks, [device], progress=progress) as landmarker,
    ):
        whole = vision.whole(photo)
        detected = _run(networks.detector, detector, device, whole.crop(photo, vision.DETECTION_SIZE, -1, 1))
        regressors, logits = detected.outputs
        faces = vision.decode_faces(regressors, logits, whole)
        if not faces:
            raise OpFailedError(f"{device} found no face on the photograph; it must find one")
        own = faces[0].landmark_region()
        marked = _run(networks.landmarks, landmarker, device, own.crop(photo, vision.LANDMARK_SIZE, 0, 1))
        landmarks, score = vision.decode_landmarks(marked.outputs[0], marked.outputs[1], own)
        compared = marked.outputs
        if region is not None:
            compared = _outputs(networks.landmarks, landmarker, region.crop(photo, vision.LANDMARK_SIZE, 0, 1))[0]
        return Found(faces[0], landmarks, score, (detected, marked), [*detected.outputs, *compared])


def macs_of(model: CanonicalModel, report: ExecutionReport, device: str) -> tuple[int, int]:
    """A model's multiply-accumulates, all dimensions being known, and those of an execution's steps on ``device``."""
    main = with_inferred_dimensions(model.main)
    counts = [macs(operation, main) or 0 for operation in main.operations]
    there = [number for step in report.steps if step.device == device for number in step.operations]
    return sum(counts), sum(counts[number] for number in there)


def _run(model: Model, compiled: CompiledModel, device: str, image: Array) -> Run:
    outputs, report = _outputs(model, compiled, image)
    all_macs, macs_there = macs_of(model.canonical, report, device)
    inputs = stored([image], [model.canonical.main.operands[index] for index in model.canonical.main.inputs])
    walls = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        compiled.run(inputs)
        walls.append(time.perf_counter() - start)
    return Run(outputs, report.timing, median(walls), all_macs, macs_there)


def _outputs(model: Model, compiled: CompiledModel, image: Array) -> tuple[list[Array], ExecutionReport]:
    """The outputs' real numbers for an image of real numbers."""
    main = model.canonical.main
    arrays, report = compiled.run_reported(stored([image], [main.operands[index] for index in main.inputs]))
    return [real(array, main.operands[index]) for array, index in zip(arrays, main.outputs)], report
