"""How products of 8-bit values get into int32 sums: by the instruction for it that a processor has.

A *dot* adds ``group`` products at a time in each lane. A vector of weights is a group of them for each lane, one
lane's after the other's. What is added to an image's values so that the instruction can take them, and zero
points, does not depend on the image and is in the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.engine import processor

_LEAST_HELD = 4


@dataclass(frozen=True, slots=True)
class Dot:
    """``weight_type``: the dtype of a weight in memory; ``added``: what an image's values are more than they were.

    ``lanes``: the most that a vector has, by the features of the processor that it needs for that.
    """

    group: int
    weight_type: str
    added: int
    lanes: tuple[tuple[int, str], ...]

    @property
    def name(self) -> str:
        """As part of kernels' names."""
        return f"dot{self.group}"

    def vector_bytes(self, lanes: int) -> int:
        """How large a vector for ``lanes`` channels is, of weights or of an image's values."""
        return held(lanes) * self.group * (2 if self.weight_type == "int16" else 1)

    def most_lanes(self) -> int:
        """How many lanes this processor does at once; 0 where it lacks the instruction."""
        present = processor.features()
        return max((lanes for lanes, needed in self.lanes if present.issuperset(needed.split())), default=0)


DOTS = {
    dot.group: dot
    for dot in (
        # vpdpbusd, of unsigned values and signed weights
        Dot(4, "int8", 128, ((16, "avx512vnni avx512vl"), (8, "avxvnni"))),
        # pmaddwd
        Dot(2, "int16", 0, ((16, "avx512bw"), (8, "avx2"), (4, "sse2"))),
        # multiplication and addition, by whatever vectors there are
        Dot(1, "int8", 0, ((16, "avx512f"), (8, "avx2"), (4, ""))),
    )
}
"""By their groups, the fastest first."""


def held(lanes: int) -> int:
    """How many lanes a vector for ``lanes`` channels has, some of them unused where that is more."""
    return max(lanes, _LEAST_HELD)
