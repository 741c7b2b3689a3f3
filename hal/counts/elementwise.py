"""Operations that treat their elements alike: arithmetic, activations, conversions, moves, control flow."""

from __future__ import annotations

from collections.abc import Callable

from hal.counts.count import ROOT, TRANSCENDENTAL, Count, Counting, Shapes, Traffic, activating, counts
from hal.operations.declaration import Arguments
from hal.types import OperationType

_T = OperationType

_INSTRUCTIONS = {
    _T.ADD: 1,
    _T.SUB: 1,
    _T.MUL: 1,
    _T.DIV: ROOT,
    _T.MAXIMUM: 1,
    _T.MINIMUM: 1,
    _T.POW: 2 * TRANSCENDENTAL + 1,
    _T.EQUAL: 1,
    _T.NOT_EQUAL: 1,
    _T.GREATER: 1,
    _T.GREATER_EQUAL: 1,
    _T.LESS: 1,
    _T.LESS_EQUAL: 1,
    _T.LOGICAL_AND: 1,
    _T.LOGICAL_OR: 1,
    _T.LOGICAL_NOT: 1,
    _T.SELECT: 1,
    _T.ABS: 1,
    _T.NEG: 1,
    _T.FLOOR: 1,
    _T.EXP: TRANSCENDENTAL,
    _T.LOG: TRANSCENDENTAL,
    _T.SIN: TRANSCENDENTAL,
    _T.SQRT: ROOT,
    _T.RSQRT: 2 * ROOT,
    _T.RELU: 1,
    _T.RELU1: 2,
    _T.RELU6: 2,
    _T.PRELU: 2,  # compare, multiply
    _T.ELU: TRANSCENDENTAL + 3,  # compare, subtract, multiply
    _T.HARD_SWISH: 5,  # add, two limits, two products
    _T.LOGISTIC: TRANSCENDENTAL + ROOT + 1,
    _T.TANH: TRANSCENDENTAL + ROOT + 2,
    _T.CAST: 1,
    _T.QUANTIZE: 3,  # multiply, round, saturate
    _T.DEQUANTIZE: 2,  # subtract, multiply
    _T.RESIZE_BILINEAR: 9,  # three interpolations of subtract, multiply, add
}
"""Instructions for each result."""


def _elementwise(instructions: int) -> Counting:
    def counting(a: Arguments, shapes: Shapes) -> Count:
        activation = activating(vars(a).get("activation"))
        return Count(shapes.results, shapes.results * (instructions + activation))

    return counting


for _type, _each in _INSTRUCTIONS.items():
    counts(_type)(_elementwise(_each))


def _moving(traffic: Traffic) -> Callable[[Arguments, Shapes], Count]:
    return lambda a, shapes: Count(shapes.all_results, traffic=traffic)


counts(
    _T.BATCH_TO_SPACE_ND,
    _T.CHANNEL_SHUFFLE,
    _T.CONCATENATION,
    _T.DENSIFY,
    _T.DEPTH_TO_SPACE,
    _T.EXPAND_DIMS,
    _T.FILL,
    _T.MIRROR_PAD,
    _T.PACK,
    _T.PAD,
    _T.PAD_V2,
    _T.RESHAPE,
    _T.RESIZE_NEAREST_NEIGHBOR,
    _T.REVERSE,
    _T.SPACE_TO_BATCH_ND,
    _T.SPACE_TO_DEPTH,
    _T.SPLIT,
    _T.SQUEEZE,
    _T.TILE,
    _T.TRANSPOSE,
)(_moving(Traffic.WHOLE))

counts(_T.EMBEDDING_LOOKUP, _T.GATHER, _T.RANK, _T.SLICE, _T.STRIDED_SLICE)(_moving(Traffic.SELECTED))


@counts(_T.HASHTABLE_LOOKUP)
def _hashtable(a: Arguments, shapes: Shapes) -> Count:
    """A binary search among the sorted keys for each lookup."""
    compares = a.keys.shape[0].bit_length()
    return Count(shapes.results, a.lookups.shape[0] * compares, traffic=Traffic.SELECTED)


@counts(_T.IF, _T.WHILE)
def _control_flow(a: Arguments, shapes: Shapes) -> Count:
    """The decision; the tensors pass through by reference."""
    return Count(1, 1, traffic=Traffic.NONE)
