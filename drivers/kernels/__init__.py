"""The kernels, one module for each operation family, each with the lowering that uses them.

Importing this package registers every lowering; it compiles nothing.
"""

from drivers.kernels import (
    activation,
    convolution,
    elementwise,
    fully_connected,
    movement,
    pooling,
    rearrangement,
    reduction,
    resize,
    transpose_convolution,
)

__all__ = [
    "activation",
    "convolution",
    "elementwise",
    "fully_connected",
    "movement",
    "pooling",
    "rearrangement",
    "reduction",
    "resize",
    "transpose_convolution",
]
