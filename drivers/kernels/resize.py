"""RESIZE_BILINEAR."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x1, F32x4, I32x1, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.layout import nhwc_input, nhwc_output
from hal.operations.declaration import Arguments
from hal.operations.resize import sources
from hal.types import OperationType


@kernel
def resize_bilinear(
    x: F32x4, rows: I32x1, down: F32x1, columns: I32x1, right: F32x1, out: F32x4, begin: int, end: int
) -> None:
    """RESIZE_BILINEAR. A unit of work is a row of the output's pixels.

    ``rows`` and ``columns`` are the input element before each output element's place, ``down`` and
    ``right`` how far beyond it the place is.
    """
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        upper, lower = rows[i], min(rows[i] + 1, x.shape[1] - 1)
        for j in range(out.shape[2]):
            left, far = columns[j], min(columns[j] + 1, x.shape[2] - 1)
            a, b = x[batch, upper, left], x[batch, upper, far]
            c, d = x[batch, lower, left], x[batch, lower, far]
            results = out[batch, i, j]
            for n in range(len(results)):
                above = a[n] + right[j] * (b[n] - a[n])
                below = c[n] + right[j] * (d[n] - c[n])
                results[n] = above + down[i] * (below - above)


@lowers(OperationType.RESIZE_BILINEAR)
def _lower_resize_bilinear(builder: Builder, arguments: Arguments) -> None:
    x = nhwc_input(builder, arguments.nchw)
    with nhwc_output(builder, arguments.nchw) as out:
        tables: list[Tensor] = []
        for axis in (1, 2):
            places = sources(x.shape[axis], out.shape[axis], arguments.align_corners, arguments.half_pixel_centers)
            before = np.floor(places)
            tables += [builder.table(before.astype(np.int32)), builder.table((places - before).astype(np.float32))]
        builder.emit(resize_bilinear, x, *tables, out, work=out.shape[0] * out.shape[1])
