"""The recurrent layer whose weights are a singular value decomposition."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import Arguments, Array, Declaration, int32, tensor
from hal.operations.recurrent import OMITTABLE_ACTIVATION, check_shapes, floating
from hal.types import FeatureLevel, FuseCode, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, input_size = a.input.shape
    filters = a.weights_feature.shape[0]
    memory = a.weights_time.shape[1]
    if filters % a.rank != 0:
        raise BadDataError(f"its weights_feature has {filters} filters; they must be a multiple of the rank {a.rank}")
    if memory == 0:
        raise BadDataError(f"its weights_time is {[filters, memory]}; it must have a memory of at least 1")
    units = filters // a.rank
    check_shapes(
        a,
        {
            "weights_feature": (filters, input_size),
            "weights_time": (filters, memory),
            "bias": (units,),
            "state": (batches, filters * memory),
        },
    )
    return (batches, filters * memory), (batches, units)


def _svdf(a: Arguments) -> tuple[Array, ...]:
    """SVDF: what each filter made of the last inputs, weighted by their age, and summed over a unit's filters.

    memory[b, f, :] = the state's [b, f, :], with sum over i of in[b, i] * weights_feature[f, i] in the last place
    out[b, u] = activation(bias[u] + sum over r, t of memory[b, u * rank + r, t] * weights_time[u * rank + r, t])

    The state out is the memory moved up one place, 0 in the last.
    """
    batches = len(a.input)
    filters, memory_size = a.weights_time.shape
    memory = a.state.reshape(batches, filters, memory_size).copy()
    memory[:, :, -1] = a.input @ a.weights_feature.T
    sums = (memory * a.weights_time).sum(axis=2).reshape(batches, filters // a.rank, a.rank).sum(axis=2)
    if a.bias is not None:
        sums = sums + a.bias
    memory = np.concatenate([memory[:, :, 1:], np.zeros((batches, filters, 1))], axis=2)
    activation = FuseCode.NONE if a.activation is None else a.activation
    return memory.reshape(batches, filters * memory_size), activated(sums, activation)


SVDF = Declaration(
    OperationType.SVDF,
    FeatureLevel.LEVEL_1,
    floating(FeatureLevel.LEVEL_1),
    forms=(
        (
            tensor("input", 2),
            tensor("weights_feature", 2),
            tensor("weights_time", 2),
            tensor("bias", omittable=True),
            tensor("state", 2),
            int32("rank", minimum=1),
            OMITTABLE_ACTIVATION,
        ),
    ),
    outputs=(tensor("state_out", 2), tensor("output", 2)),
    dimensions=_dimensions,
    reference=_svdf,
)
