"""The demonstration: finds the face on a photograph, and its landmarks, with MediaPipe's models.

``python -m tools.demo`` fetches the models, runs them on nnhal's devices and draws a picture.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import cli
from tools.cli import output

if TYPE_CHECKING:
    from PIL.Image import Image

    from hal.device import Progress
    from tools.vision import Face

_DETECTOR, _LANDMARKS = "face_detection_short_range", "face_landmark"
_RUNS = 20
_COLUMNS = ["model", "device", "operations", "compile ms", "run ms", "simulated ms"]
_BOX_COLOR, _POINT_COLOR = "#30e060", "#ff3030"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; return the exit code, as ``nnhal`` does."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description="Find a face and its landmarks.")
    parser.add_argument("--device", metavar="NAME", help="the device to use (default: all there are)")
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path("build/demo/face.png"))
    arguments = parser.parse_args(argv)
    return cli.exit_code(lambda: _demonstrate(arguments.device, arguments.output))


def _demonstrate(device: str | None, path: Path) -> None:
    from hal.errors import OpFailedError
    from tools import vision
    from tools.models import fetch_models

    devices = None if device is None else [device]
    with output.progress_shown("preparing the demonstration") as progress:
        files = fetch_models(progress=progress, names=[_DETECTOR, _LANDMARKS])
        photo = _photo()
        region = vision.whole(photo)
        detector_row, tensors = _run(
            files[_DETECTOR], devices, region.crop(photo, vision.DETECTION_SIZE, -1, 1), progress
        )
        faces = vision.decode_faces(tensors[0], tensors[1], region)
        if not faces:
            raise OpFailedError("the detector found no face on the photo; it must find one")
        region = faces[0].landmark_region()
        landmarks_row, tensors = _run(
            files[_LANDMARKS], devices, region.crop(photo, vision.LANDMARK_SIZE, 0, 1), progress
        )
        landmarks, score = vision.decode_landmarks(tensors[0], tensors[1], region)
    _draw(photo, faces[0], landmarks, path)
    output.print_table("nnhal on a photograph", _COLUMNS, [detector_row, landmarks_row])
    print(f"a face (score {faces[0].score:.2f}) and its {len(landmarks)} landmarks (score {score:.2f}): {path}")


def _photo() -> Image:
    """Grace Hopper's portrait, which comes with matplotlib."""
    from tools.extras import needs

    with needs("demo"):
        import matplotlib.cbook
        from PIL import Image
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        return image.convert("RGB")


def _run(path: Path, devices: list[str] | None, tensor: Any, progress: Progress) -> tuple[list[str], list[Any]]:
    """Run a model; return its row of the table and its outputs."""
    import numpy as np

    import nnhal

    model = nnhal.load_model(path)
    start = time.perf_counter()
    compiled = nnhal.compile(model, devices=devices, progress=progress)
    compile_ms = (time.perf_counter() - start) * 1e3
    run_ms, simulated_ms = [], []
    for _ in range(_RUNS):
        start = time.perf_counter()
        outputs, timing = compiled.run_timed([tensor])
        run_ms.append((time.perf_counter() - start) * 1e3)
        if timing.in_driver is not None:
            simulated_ms.append(timing.in_driver / 1e6)
    simulated = f"{np.median(simulated_ms):.2f}" if simulated_ms else "unknown"
    operations = len(model.canonical.main.operations)
    figures = [f"{operations}", f"{compile_ms:.0f}", f"{np.median(run_ms):.2f}", simulated]
    return [path.stem, ", ".join(device.name for device in compiled.devices), *figures], outputs


def _draw(photo: Image, face: Face, landmarks: Any, path: Path) -> None:
    """Write the photo, twice as large, with the face's box and landmarks on it."""
    from PIL import ImageDraw

    from hal.errors import OpFailedError

    scale = 2
    picture = photo.resize((photo.width * scale, photo.height * scale))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([scale * edge for edge in face.box], outline=_BOX_COLOR, width=2 * scale)
    for x, y in (landmarks * scale).tolist():
        draw.ellipse((x - scale, y - scale, x + scale, y + scale), fill=_POINT_COLOR)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    except (OSError, ValueError) as error:
        raise OpFailedError(f"the picture can't be written to {path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
