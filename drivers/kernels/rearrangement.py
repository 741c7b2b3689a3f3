"""DEPTH_TO_SPACE."""

from __future__ import annotations

from drivers.engine.abi import F32x4, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.layout import nhwc_input, nhwc_output
from hal.operations.declaration import Arguments
from hal.types import OperationType


@kernel
def depth_to_space(x: F32x4, out: F32x4, block: int, begin: int, end: int) -> None:
    """DEPTH_TO_SPACE. A unit of work is a row of the output's pixels."""
    depth = out.shape[3]
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            first = (i % block * block + j % block) * depth
            for c in range(depth):
                out[batch, i, j, c] = x[batch, i // block, j // block, first + c]


@lowers(OperationType.DEPTH_TO_SPACE)
def _lower_depth_to_space(builder: Builder, arguments: Arguments) -> None:
    x = nhwc_input(builder, arguments.nchw)
    with nhwc_output(builder, arguments.nchw) as out:
        builder.emit(depth_to_space, x, out, arguments.block_size, work=out.shape[0] * out.shape[1])
