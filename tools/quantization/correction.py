"""Bias correction: rounding weights shifts a layer's results on average, which its bias can undo.

For results that are sums of weights times inputs, the mean shift of a channel is the sum of its weights'
errors times the inputs' means.
"""

from __future__ import annotations

import numpy as np

from hal.operations.declaration import Arguments, Array
from hal.types import OperationType as O


def corrected_bias(operation_type: int, arguments: Arguments, bias: Array, error: Array, mean: Array) -> Array:
    """The bias of a product, less the mean shift of each channel.

    ``error``: of each weight, rounded less exact. ``mean``: of each index of the input's last dimension. The
    bias stays as it is for TRANSPOSE_CONV_2D, whose results are sums over different weights, and where the
    last dimension is not what the weights are for.
    """
    if vars(arguments).get("nchw", False) or operation_type == O.TRANSPOSE_CONV_2D:
        return bias
    if operation_type == O.DEPTHWISE_CONV_2D:
        return bias - error.sum(axis=(0, 1, 2)) * np.repeat(mean, arguments.depth_multiplier)
    if operation_type == O.GROUPED_CONV_2D:
        groups = arguments.groups
        by_channel = np.repeat(mean.reshape(groups, -1), len(bias) // groups, axis=0)
        return bias - (error.sum(axis=(1, 2)) * by_channel).sum(axis=1)
    summed = error.reshape(len(bias), -1, error.shape[-1]).sum(axis=1)
    return bias - summed @ mean if summed.shape[1] == len(mean) else bias
