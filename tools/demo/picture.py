"""The photograph with what each device found, and two places of it enlarged, where the devices can be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hal.errors import OpFailedError
from tools.demo.figures import Figures
from tools.demo.finding import Found
from tools.demo.networks import Way
from tools.explain.explanation import energy_told, time_told
from tools.extras import needs
from tools.vision import Face

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = {"cpu": "#ffffff", "gpu": "#2ee66b", "dsp": "#ffb01f", "npu": "#ff4df0"}
_PAPER, _INK = "#1c2127", "#e8ecf0"
_INCHES, _DOTS = (10.0, 6.4), 110
_MARGIN = 0.7
"""Around the face, in widths of its box."""
_ENLARGED, _ASPECT = 0.14, 1.72
"""How high the enlarged places are, in widths of the box, and how much wider than high."""
_BEHIND = 2.0
"""How much thicker the reference is, so that it shows behind what covers it."""


def draw(photo: Image, found: Mapping[Way, Found], figures: Mapping[Way, Figures], path: Path) -> None:
    """Write the picture to ``path``, in the format that its suffix says; ``found``: the reference first.

    Raises ``OpFailedError`` where that can't be.
    """
    with needs("demo"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS, facecolor=_PAPER)
    grid = figure.add_gridspec(2, 2, width_ratios=[1.2, 1], left=0.012, right=0.988, top=0.955, bottom=0.13)
    grid.update(wspace=0.04, hspace=0.14)
    face = next(iter(found.values())).face
    main = figure.add_subplot(grid[:, 0])
    _show(main, photo, found, _around(face), 1.4, 2)
    for row, (title, x, y) in enumerate(_places(face)):
        half = _ENLARGED * (face.box[2] - face.box[0]) / 2
        part = figure.add_subplot(grid[row, 1])
        _show(part, photo, found, (x - half * _ASPECT, y - half, x + half * _ASPECT, y + half), 2, 7)
        part.set_title(title, color=_INK, fontsize=9, loc="left", pad=4)
        main.indicate_inset_zoom(part, edgecolor=_INK, alpha=0.6, linewidth=0.8)
    handles = [
        main.plot([], [], color=COLOURS[way.device], linewidth=3, label=_label(figures[way]))[0] for way in found
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.005, 0.0), ncols=2, frameon=False, labelcolor=_INK
    )
    try:
        figure.savefig(path, facecolor=_PAPER)
    except (OSError, ValueError) as error:
        raise OpFailedError(f"the picture can't be written to {path}: {error}") from error


def _label(own: Figures) -> str:
    return f"{Way(own.device, own.numbers).name}: {time_told(own.seconds)}, {energy_told(own.joules)} (simulated)"


def _around(face: Face) -> tuple[float, float, float, float]:
    left, top, right, bottom = face.box
    margin = _MARGIN * (right - left)
    return left - margin, top - margin, right + margin, bottom + margin


def _places(face: Face) -> list[tuple[str, float, float]]:
    """What is enlarged: a name, and its middle."""
    eye_x, eye_y = face.keypoints[1].tolist()
    return [("a corner of the box", face.box[2], face.box[1]), ("an eye's landmarks", eye_x, eye_y)]


def _show(
    axes: Any,
    photo: Image,
    found: Mapping[Way, Found],
    part: tuple[float, float, float, float],
    line: float,
    dot: float,
) -> None:
    """A part of the photo, with all boxes and landmarks there; ``line`` and ``dot``: their sizes in points."""
    from matplotlib.patches import Rectangle

    axes.imshow(photo, extent=(0, photo.width, photo.height, 0))
    for number, (way, each) in enumerate(found.items()):
        left, top, right, bottom = each.face.box
        colour, factor = COLOURS[way.device], 1.0 if number else _BEHIND
        axes.plot(*each.landmarks.T, ".", color=colour, markersize=dot * factor, markeredgewidth=0)
        axes.add_patch(
            Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=line * factor)
        )
    axes.set_xlim(max(part[0], 0), min(part[2], photo.width))
    axes.set_ylim(min(part[3], photo.height), max(part[1], 0))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
