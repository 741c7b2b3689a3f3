"""How a filter goes over an image, for the kernels by tiles."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Walk:
    """How a filter goes over an image. ``padding``: left, right, top, bottom; the rest of rows, then of columns."""

    rows: int = 1
    columns: int = 1
    padding: tuple = (0, 0, 0, 0)
    strides: tuple = (1, 1)
    dilations: tuple = (1, 1)

    def width_for(self, pixels):
        """The width of an image of which each output line has so many pixels."""
        extent = (self.columns - 1) * self.dilations[1] + 1
        return (pixels - 1) * self.strides[1] + extent - self.padding[0] - self.padding[1]

    def arguments(self, activation):
        """Of the operation, after its bias."""
        return *self.padding, *self.strides[::-1], activation, False, *self.dilations[::-1]
