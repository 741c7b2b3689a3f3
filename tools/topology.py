"""Reads SCALE-Sim's topology files: comma-separated values, a header, then a layer on each line."""

from __future__ import annotations

from pathlib import Path

from drivers.npu.systolic import Layer
from hal.errors import BadDataError

COLUMNS = (
    "Layer name",
    "IFMAP Height",
    "IFMAP Width",
    "Filter Height",
    "Filter Width",
    "Channels",
    "Num Filter",
    "Strides",
)
_DENSE = "1:1"
_DEPTHWISE = "DP"
_LARGEST = 2**31 - 1


def read_topology(path: Path) -> list[tuple[str, Layer]]:
    """The layers of ``path`` and their names, in order.

    Lines may end in a comma, be blank, and have a comment that starts with ``#``. As in SCALE-Sim, a
    layer whose name contains "DP" is depthwise and stands for one layer for each of its channels.
    Raises ``BadDataError`` naming line and column of what is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadDataError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path} is not text in UTF-8: {error.reason}") from error
    rows = [(number, cells) for number, line in enumerate(lines, start=1) if (cells := _cells(line))]
    if not rows:
        raise BadDataError(f"{path} is empty; it must start with a header, '{', '.join(COLUMNS)}'")
    number, header = rows[0]
    if any(cell.isdecimal() for cell in header[1 : len(COLUMNS)]):
        raise BadDataError(f"{path}, line {number}: a layer stands where the header must: '{', '.join(COLUMNS)}'")
    return [layer for number, cells in rows[1:] for layer in _layers(f"{path}, line {number}", cells)]


def _cells(line: str) -> list[str]:
    cells = [cell.strip() for cell in line.partition("#")[0].split(",")]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _layers(place: str, cells: list[str]) -> list[tuple[str, Layer]]:
    name, *sizes = cells
    if len(sizes) == len(COLUMNS) and sizes[-1] == _DENSE:  # the sparsity, which SCALE-Sim's files may have
        sizes.pop()
    if len(sizes) >= len(COLUMNS):
        raise BadDataError(
            f"{place}, column {len(COLUMNS) + 1}: '{sizes[len(COLUMNS) - 1]}' is one too many; "
            f"a layer has {len(COLUMNS)} columns: {', '.join(COLUMNS)}"
        )
    if len(sizes) < len(COLUMNS) - 1:
        raise BadDataError(
            f"{place}, column {len(cells) + 1} ({COLUMNS[len(cells)]}) is missing; "
            f"a layer has {len(COLUMNS)} columns: {', '.join(COLUMNS)}"
        )
    height, width, filter_height, filter_width, channels, filters, stride = (
        _size(f"{place}, column {column} ({COLUMNS[column - 1]})", size) for column, size in enumerate(sizes, start=2)
    )
    depthwise = _DEPTHWISE in name
    try:
        layer = Layer(height, width, filter_height, filter_width, 1 if depthwise else channels, filters, stride)
    except BadDataError as error:
        raise BadDataError(f"{place}, columns 4 and 5: {error}") from error
    return [(f"{name}Channel_{channel}", layer) for channel in range(channels)] if depthwise else [(name, layer)]


def _size(place: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdecimal() and len(cell) <= len(str(_LARGEST)) and 1 <= int(cell) <= _LARGEST):
        raise BadDataError(f"{place}: '{cell}' is not a whole number from 1 to {_LARGEST}")
    return int(cell)
