"""What a count is made of, and what instructions weigh.

``arithmetic`` counts scalar instructions as a processor without special units has them: 1 for adding,
comparing, multiplying, converting; the constants here for what takes several. Moving a value is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hal.model import Dimensions
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperationType

ROOT = 4
"""A division, or a square root."""

TRANSCENDENTAL = 12
"""An exponential, a logarithm, a sine: a polynomial of the usual degree and the scaling around it."""

RESCALING = 3
"""A quantised result in its output's units: multiply, shift, saturate."""


class Traffic(Enum):
    """What an operation touches of its operands: all of them, of an input no more than it writes, or nothing."""

    WHOLE = 0
    SELECTED = 1
    NONE = 2


@dataclass(frozen=True, slots=True)
class Matrix:
    """A product of matrices, ``groups`` times [rows, inner] x [inner, columns], and the window that it came from.

    A convolution's rows are its output's pixels, its inner dimension the filter's elements that make
    one value of it. A product that has no window has one of 1 x 1 over 1 x 1. ``height`` and ``width``
    are the input's, without padding, ``channels`` all of its channels.
    """

    rows: int
    inner: int
    columns: int
    groups: int = 1
    filter_height: int = 1
    filter_width: int = 1
    stride_height: int = 1
    stride_width: int = 1
    height: int = 1
    width: int = 1
    channels: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the product."""
        return self.groups * self.rows * self.inner * self.columns


@dataclass(frozen=True, slots=True)
class Shapes:
    """Dimensions of an operation's inputs and outputs, by position."""

    inputs: tuple[Dimensions, ...]
    outputs: tuple[Dimensions, ...]

    @property
    def results(self) -> int:
        """Elements of the first output."""
        return math.prod(self.outputs[0])

    @property
    def all_results(self) -> int:
        """Elements of all outputs."""
        return sum(map(math.prod, self.outputs))


@dataclass(frozen=True, slots=True)
class Count:
    """The part of a ``Workload`` that depends on the operation, before the rescaling of quantised results."""

    elements: int
    arithmetic: int = 0
    macs: int = 0
    matrix: Matrix | None = None
    traffic: Traffic = Traffic.WHOLE


Counting = Callable[[Arguments, Shapes], Count]

REGISTERED: dict[OperationType, Counting] = {}


def counts(*operation_types: OperationType) -> Callable[[Counting], Counting]:
    """Register how operations of these types are counted."""

    def register(counting: Counting) -> Counting:
        for operation_type in operation_types:
            REGISTERED[operation_type] = counting
        return counting

    return register


def activating(activation: int | None) -> int:
    """Instructions for a fused activation, for each result."""
    if activation is None or activation == FuseCode.NONE:
        return 0
    return 1 if activation == FuseCode.RELU else 2
