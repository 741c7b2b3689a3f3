"""SVDF."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x2, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.recurrent import Inputs, emit_sums
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperationType


@kernel
def remember(
    features: F32x2,
    weights: F32x2,
    before: F32x2,
    after: F32x2,
    out: F32x2,
    low: float,
    high: float,
    begin: int,
    end: int,
) -> None:
    """SVDF from what its filters make of the input on, the bias being in ``out``. A unit of work is a batch.

    Each filter remembers as many features as it has weights: ``before`` ends with a place for the new
    one, ``after`` is moved up by one.
    """
    least, most = np.float32(low), np.float32(high)
    filters, size = weights.shape
    rank = filters // out.shape[1]
    for batch in range(begin, end):
        sums = out[batch]
        for i in range(filters):
            old, new = before[batch, i * size : (i + 1) * size], after[batch, i * size : (i + 1) * size]
            total = features[batch, i] * weights[i, size - 1]
            for t in range(size - 1):
                total += old[t] * weights[i, t]
            for t in range(size - 2):
                new[t] = old[t + 1]
            if size > 1:
                new[size - 2] = features[batch, i]
            new[size - 1] = np.float32(0)
            sums[i // rank] += total
        for unit in range(len(sums)):
            sums[unit] = clamped(sums[unit], least, most)


@lowers(OperationType.SVDF)
def _lower_svdf(builder: Builder, arguments: Arguments) -> None:
    inputs = Inputs(builder, arguments)
    x, weights = inputs.get("input"), inputs.get("weights_time")
    after, out = builder.output(0), builder.output(1)
    features = builder.temporary(x.shape[0], weights.shape[0])
    emit_sums(builder, None, [(x, inputs.turned("weights_feature"))], features)
    emit_sums(builder, inputs.get("bias") if inputs.has("bias") else None, [], out)
    limits = bounds(FuseCode.NONE if arguments.activation is None else arguments.activation)
    builder.emit(remember, features, weights, inputs.get("state"), after, out, *limits, work=x.shape[0])
