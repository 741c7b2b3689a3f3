"""The kernels, one module for each operation family, each with the lowering that uses them.

Importing this package registers every lowering; it compiles nothing.
"""

from drivers.kernels import (
    activation,
    comparison,
    conversion,
    convolution,
    elementwise,
    fully_connected,
    gathering,
    lookup,
    movement,
    normalization,
    padding,
    pooling,
    rearrangement,
    reduction,
    resize,
    selection,
    shape,
    slicing,
    softmax,
    transpose_convolution,
    unary,
)

__all__ = [
    "activation",
    "comparison",
    "conversion",
    "convolution",
    "elementwise",
    "fully_connected",
    "gathering",
    "lookup",
    "movement",
    "normalization",
    "padding",
    "pooling",
    "rearrangement",
    "reduction",
    "resize",
    "selection",
    "shape",
    "slicing",
    "softmax",
    "transpose_convolution",
    "unary",
]
