"""Operations that make few values of many: reductions, poolings, normalisations, sorting."""

from __future__ import annotations

import math

from hal.counts.count import ROOT, TRANSCENDENTAL, Count, Shapes, activating, counts
from hal.operations.declaration import Arguments
from hal.operations.layout import nhwc_shape
from hal.operations.pooling import pool_axes
from hal.operations.window import Axis
from hal.types import OperationType

_T = OperationType


@counts(
    _T.REDUCE_ALL,
    _T.REDUCE_ANY,
    _T.REDUCE_MAX,
    _T.REDUCE_MIN,
    _T.REDUCE_PROD,
    _T.REDUCE_SUM,
    _T.ARGMAX,
    _T.ARGMIN,
)
def _reduction(a: Arguments, shapes: Shapes) -> Count:
    elements = math.prod(a.input.shape)
    return Count(elements, elements)


@counts(_T.MEAN)
def _mean(a: Arguments, shapes: Shapes) -> Count:
    elements = math.prod(a.input.shape)
    return Count(elements, elements + shapes.results)


def _covered(axis: Axis) -> int:
    """Elements that the windows along one axis lie on, padding left out."""
    places = (axis.covered(place) for place in range(axis.output))
    return sum(place.stop - place.start for place in places)


def _pooling(a: Arguments, shapes: Shapes, each: int, result: int) -> Count:
    """``each``: instructions for an element of a window, ``result`` for a result."""
    batches, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    vertical, horizontal = pool_axes(a)
    covered = batches * channels * _covered(vertical) * _covered(horizontal)
    return Count(shapes.results, covered * each + shapes.results * (result + activating(a.activation)))


@counts(_T.MAX_POOL_2D)
def _max_pool(a: Arguments, shapes: Shapes) -> Count:
    return _pooling(a, shapes, 1, 0)


@counts(_T.AVERAGE_POOL_2D)
def _average_pool(a: Arguments, shapes: Shapes) -> Count:
    return _pooling(a, shapes, 1, 1)


@counts(_T.L2_POOL_2D)
def _l2_pool(a: Arguments, shapes: Shapes) -> Count:
    return _pooling(a, shapes, 2, 1 + ROOT)


@counts(_T.SOFTMAX, _T.LOG_SOFTMAX)
def _softmax(a: Arguments, shapes: Shapes) -> Count:
    """The largest, less it and times beta, the exponential, the sum, the quotient (or the difference of logarithms)."""
    elements = shapes.results
    return Count(elements, elements * (5 + TRANSCENDENTAL))


@counts(_T.L2_NORMALIZATION)
def _l2_normalization(a: Arguments, shapes: Shapes) -> Count:
    """Squares, their sum, a product; a root and a quotient for each line."""
    lines = shapes.results // max(a.input.shape[a.axis], 1)
    return Count(shapes.results, shapes.results * 3 + lines * 2 * ROOT)


@counts(_T.LOCAL_RESPONSE_NORMALIZATION)
def _local_response(a: Arguments, shapes: Shapes) -> Count:
    """A square; the window's sum moves on by an element that enters and one that leaves; scaled, a power, a product."""
    return Count(shapes.results, shapes.results * (1 + 2 + 2 + 2 * TRANSCENDENTAL + 1 + 1))


@counts(_T.INSTANCE_NORMALIZATION)
def _instance(a: Arguments, shapes: Shapes) -> Count:
    """The mean, the squared distances from it, then scaled and shifted; a root and a quotient for each channel."""
    batches, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    return Count(shapes.results, shapes.results * 7 + batches * channels * 2 * ROOT)


@counts(_T.TOPK_V2)
def _topk(a: Arguments, shapes: Shapes) -> Count:
    """Every element through a heap of k."""
    elements = math.prod(a.input.shape)
    return Count(elements, elements * (1 + a.k.bit_length()))


@counts(_T.RANDOM_MULTINOMIAL)
def _multinomial(a: Arguments, shapes: Shapes) -> Count:
    """The running sum of the classes' exponentials, and for each sample a random number and a search in it."""
    classes = a.input.shape[1]
    summing = math.prod(a.input.shape) * (2 + TRANSCENDENTAL)
    return Count(shapes.results, summing + shapes.results * (TRANSCENDENTAL + classes.bit_length()))


@counts(_T.LSH_PROJECTION)
def _lsh(a: Arguments, shapes: Shapes) -> Count:
    """Each input, with each seed, through a hash (counted by its bytes) and into a weighted sum."""
    inputs = a.input.shape[0]
    hashed = math.prod(a.input.shape) * a.input.type.dtype.itemsize + 4 * inputs
    return Count(shapes.results, math.prod(a.hash.shape) * (hashed + 2 * inputs))
