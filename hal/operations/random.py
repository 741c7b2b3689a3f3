"""Operations that draw lots."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import Arguments, Array, Declaration, int32, int32_tensor, integers, only, tensor
from hal.types import FeatureLevel, OperandType, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    if a.seeds.shape != (2,):
        raise BadDataError(f"its seeds are {list(a.seeds.shape)}; they must be [2]")
    return ((a.input.shape[0], a.samples),)


def _random_multinomial(a: Arguments) -> tuple[Array, ...]:
    """RANDOM_MULTINOMIAL: each sample is class c with a probability proportional to e^in[batch, c].

    A class whose logit is not finite is never drawn. The same seeds draw the same samples; two zeros
    stand for seeds that nobody knows.
    """
    seeds = [seed % 2**32 for seed in integers(a, "seeds")]
    generator = np.random.default_rng(seeds if any(seeds) else None)
    drawn = np.empty((len(a.input), a.samples), np.int32)
    for batch, logits in enumerate(a.input):
        possible = np.isfinite(logits)
        if not possible.any():
            raise BadDataError(f"its input has no finite value in batch {batch}; there must be a class to draw")
        weights = np.where(possible, np.exp(logits - np.max(logits, initial=-np.inf, where=possible)), 0)
        drawn[batch] = generator.choice(len(logits), a.samples, p=weights / weights.sum())
    return (drawn,)


RANDOM_MULTINOMIAL = Declaration(
    OperationType.RANDOM_MULTINOMIAL,
    FeatureLevel.LEVEL_3,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
    },
    forms=((tensor("input", 2), int32("samples", minimum=1), int32_tensor("seeds", 1)),),
    outputs=(tensor("output", 2, accepts=only(OperandType.TENSOR_INT32)),),
    dimensions=_dimensions,
    reference=_random_multinomial,
)
