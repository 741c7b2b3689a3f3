"""``python -m tools.demo``: fetches the models, looks at the photograph on each device, prints a table, draws."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools import cli
from tools.cli import output

if TYPE_CHECKING:
    from tools.demo.figures import Figures
    from tools.demo.networks import Way


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; return the exit code, as ``nnhal`` does."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.demo", description="Find a face and its landmarks on four devices, and compare."
    )
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path("build/demo/face.png"))
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args(argv)
    return cli.exit_code(lambda: _demonstrate(arguments.output, as_json=arguments.json))


def _demonstrate(path: Path, *, as_json: bool) -> None:
    from hal.errors import BadDataError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadDataError(f"there can't be a folder {path.parent} for the picture: {error.strerror}") from error
    output.check_writable([path])
    figures = _look(path)
    if as_json:
        output.print_json({"picture": str(path), "ways": [each.as_json() for each in figures.values()]})
        return
    from tools.demo.figures import COLUMNS
    from tools.demo.networks import CROPS

    rows = [each.row() for each in figures.values()]
    output.print_table("A face and its landmarks, found with two networks by four devices", COLUMNS, rows)
    print("Latency and energy are simulated, of one look at the photograph. Moves are in widths of the face's box.")
    print(f"int8 is calibrated on {CROPS} crops of photographs of people, this one among them. The picture: {path}")


def _look(path: Path) -> dict[Way, Figures]:
    """Find the face in each way, and write the picture."""
    from tools.crops import portrait
    from tools.demo.figures import figures
    from tools.demo.finding import Found, find
    from tools.demo.networks import DETECTOR, LANDMARKS, WAYS, networks
    from tools.demo.picture import draw
    from tools.models import fetch_models

    with output.progress_shown("preparing the demonstration") as progress:
        files = fetch_models(progress=progress, names=[DETECTOR, LANDMARKS])
        photo = portrait()
        variants = networks(files, progress)
        found: dict[Way, Found] = {}
        for done, way in enumerate(WAYS):
            progress("looking at the photograph", done, len(WAYS))
            region = found[WAYS[0]].face.landmark_region() if found else None
            found[way] = find(variants[way.numbers], way.device, photo, region, progress)
        reference = found[WAYS[0]]
        compared = {way: figures(way, found[way], reference, variants[way.numbers].size) for way in WAYS}
        progress("drawing", 0, 1)
        draw(photo, found, compared, path)
    return compared


if __name__ == "__main__":
    sys.exit(main())
