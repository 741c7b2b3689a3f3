"""Whether two sides have computed the same: times of different results are no comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hal.errors import OpFailedError
from hal.model import Operand
from runtime.values import Array
from tools.samples import real

TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far outputs are apart. ``largest``: of all differences, relative to the largest value of that output or 1.

    ``tolerance``: how large it may be.
    """

    largest: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the sides have computed the same; not where one alone has NaN."""
        return self.largest <= self.tolerance


def agreement(ours: Sequence[Array], theirs: Sequence[Array], operands: Sequence[Operand]) -> Agreement:
    """Compare what float models have computed; ``operands``: the model's outputs.

    Raises ``OpFailedError`` where outputs do not even have the same shapes and types.
    """
    return Agreement(_largest(ours, theirs, operands), TOLERANCE)


def quantised_agreement(
    ours: Sequence[Array], theirs: Sequence[Array], reference: Sequence[Array], operands: Sequence[Operand]
) -> Agreement:
    """Compare what quantised models have computed, with the other side's reference kernels.

    Fast kernels round where a sum lies between two steps as they like, and networks can amplify that: also the
    other side's own kernels disagree with each other. We may be as far from its reference as its fast kernels are.
    Raises what ``agreement`` raises.
    """
    own = _largest(theirs, reference, operands)
    return Agreement(_largest(ours, reference, operands), max(TOLERANCE, own))


def _largest(ours: Sequence[Array], theirs: Sequence[Array], operands: Sequence[Operand]) -> float:
    if [(each.shape, each.dtype) for each in ours] != [(each.shape, each.dtype) for each in theirs]:
        raise OpFailedError(
            f"the outputs can't be compared: one side's are {_listed(ours)}, the other's are {_listed(theirs)}"
        )
    largest = 0.0
    for one, other, operand in zip(ours, theirs, operands):
        a, b = (real(each, operand).astype(np.float64) for each in (one, other))
        with np.errstate(invalid="ignore"):  # of infinities, which are equal or infinitely far apart
            difference = np.abs(a - b)
        difference[(a == b) | (np.isnan(a) & np.isnan(b))] = 0  # infinities too
        scale = np.abs(b[np.isfinite(b)]).max(initial=0)
        relative = difference.max(initial=0) / max(1.0, scale)
        largest = max(largest, float(np.nan_to_num(relative, nan=np.inf, posinf=np.inf)))
    return largest


def _listed(arrays: Sequence[Array]) -> str:
    return ", ".join(f"{each.dtype} {list(each.shape)}" for each in arrays)
