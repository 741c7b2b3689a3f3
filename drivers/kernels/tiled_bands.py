"""How convolutions by tiles are cut into lines, so that they can be parts of chains."""

from __future__ import annotations

from dataclasses import replace

from drivers.engine.bands import Cut, cuts
from drivers.engine.program import Command, Tensor
from drivers.kernels.tiles import PRODUCT_TILES, TAP_TILES


def _parts(command: Command) -> tuple[list[Tensor], list[int], list[float]]:
    """A tiled command's tensors, its whole numbers, and the bounds of its results."""
    tensors = [each for each in command.arguments if isinstance(each, Tensor)]
    *numbers, low, high = (each for each in command.arguments if not isinstance(each, Tensor))
    return tensors, [int(each) for each in numbers], [low, high]


@cuts("tiled.taps_by_tile")
def _taps(command: Command, width: int) -> Cut | None:
    _, numbers, _ = _parts(command)
    lines, width, lines_in, width_in, stride, _, dilation, _, top, *_ = numbers
    if command.work != lines:  # several images
        return None
    name, window, _ = command.kernel.variant.split("_")
    extent = (int(window.partition("x")[0]) - 1) * dilation + 1
    tile = TAP_TILES[name]
    return Cut(lines, width, lines_in, width_in, stride, top, extent, (tile.lines, tile.pixels), lambda lines: command)


@cuts("tiled.products_by_tile")
def _products(command: Command, width: int) -> Cut | None:
    """Of pixels in a row, each of which is made of one: where they are cut into lines is free."""
    tensors, numbers, bounds = _parts(command)
    run, pixels, pixel_step, lines, line_step, image_step, together, after = numbers
    taps, bias, out = tensors[1], tensors[3], tensors[-1]
    tile, channels = PRODUCT_TILES[command.kernel.variant], bias.shape[0]
    total = out.shape[0] // channels
    if (lines, line_step, image_step) != (1, 0, pixels * pixel_step) or not width or total % width:
        return None

    def blocks(lines: int) -> Command:
        pixels = lines * width
        # Sums are left and taken up again only where no tile goes over another one's.
        parts = together if pixels % tile.rows == 0 else taps.shape[0]
        numbers = run, pixels, pixel_step, 1, 0, pixels * pixel_step, parts, after
        work = total // pixels * -(-channels // tile.width)
        return replace(command, arguments=(*tensors, *numbers, *bounds), work=work)

    return Cut(total // width, width, total // width, width, 1, 0, 1, (1, tile.rows), blocks)
