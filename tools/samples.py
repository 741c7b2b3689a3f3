"""Inputs that a model is tried with: from files, or random."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.errors import BadDataError
from hal.model import Operand, is_fully_specified
from hal.operations.declaration import real_values, rounded, tensor_spec, type_name
from hal.types import OperandType

Array = NDArray[Any]
Sample = list[Array]
"""An array for each input of a model: the real numbers that it stands for, or integers and truth values as they are."""


def read_samples(path: Path, operands: Sequence[Operand]) -> list[Sample]:
    """The samples in a .npz file, for a model with these input ``operands``.

    The file has an array for each input, in their order: one sample, or several, one after the other
    along a first dimension, which may stand for the input's own where that is 1. Floats are real numbers;
    other dtypes must be the input's own, and are what it stores. Raises ``BadDataError`` for what does
    not fit, for no samples, and for NaN and infinities.
    """
    arrays = load_arrays(path)
    if len(arrays) != len(operands):
        raise BadDataError(f"{path} holds {len(arrays)} arrays; the model has {len(operands)} inputs")
    columns = [
        _split(f"{path}: array {number}", array, operand)
        for number, (array, operand) in enumerate(zip(arrays, operands))
    ]
    counts = sorted({len(column) for column in columns})
    if len(counts) > 1:
        raise BadDataError(f"{path} has {counts[0]} samples of one input and {counts[-1]} of another")
    if counts == [0]:
        raise BadDataError(f"{path} has no samples")
    return [list(sample) for sample in zip(*columns)]


def random_samples(operands: Sequence[Operand], count: int) -> list[Sample]:
    """``count`` samples, always the same: real numbers from 0 to 1, zeros for integers, false for truth values.

    Raises ``BadDataError`` where an input's dimensions are not all known.
    """
    generator = np.random.default_rng(0)
    return [[_random(operand, generator) for operand in operands] for _ in range(count)]


def stored(sample: Sample, operands: Sequence[Operand]) -> list[Array]:
    """A sample as inputs store it: rounded to their types, and for quantised ones in their units."""
    return [rounded(values, tensor_spec(operand)) for values, operand in zip(sample, operands)]


def real(array: Array, operand: Operand) -> Array:
    """The real numbers (float64) that an input or output stands for; integers and truth values as they are."""
    return real_values(tensor_spec(operand), array) if _is_real(_known(operand)) else array


def load_arrays(path: Path) -> list[Array]:
    """The arrays of a .npy or .npz file; ``BadDataError`` when it can't be read."""
    with reading(path):
        loaded = np.load(path)
        return [loaded] if isinstance(loaded, np.ndarray) else list(loaded.values())


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Make what goes wrong within, reading ``path``, a ``BadDataError`` that names it."""
    try:
        yield
    except FileNotFoundError:
        raise BadDataError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadDataError(f"{path} can't be read: {error}") from error


def _split(what: str, array: Array, operand: Operand) -> list[Array]:
    wanted = operand.dimensions
    if _fits(array.shape, wanted):
        column = [array]
    elif array.ndim and _fits(array.shape[1:], wanted):
        column = list(array)
    elif wanted[:1] == (1,) and _fits(array.shape[1:], wanted[1:]):
        column = [array[index : index + 1] for index in range(len(array))]
    else:
        shape = ", ".join(str(size or "?") for size in wanted)
        raise BadDataError(f"{what} has shape {list(array.shape)}; a sample must be [{shape}]")
    return [_real(what, values, operand) for values in column]


def _fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(shape) == len(wanted) and all(size == known or not known for size, known in zip(shape, wanted))


def _real(what: str, values: Array, operand: Operand) -> Array:
    own = _known(operand)
    is_real = np.issubdtype(values.dtype, np.floating) and _is_real(own)
    if not is_real and values.dtype != own.dtype:
        also = "float32 or " if own.has_scale else ""
        raise BadDataError(f"{what} is {values.dtype}; for {type_name(own)} it must be {also}{own.dtype}")
    if is_real and not np.isfinite(values).all():
        raise BadDataError(f"{what} has NaN or infinite values; samples must be finite")
    return values.astype(np.float64) if is_real else real(values, operand)


def _random(operand: Operand, generator: np.random.Generator) -> Array:
    own = _known(operand)
    if own.is_tensor and not is_fully_specified(operand.dimensions):
        dimensions = list(operand.dimensions)
        raise BadDataError(f"an input has dimensions {dimensions}, not all known; samples must be given")
    if _is_real(own):
        return generator.random(operand.dimensions)
    return np.zeros(operand.dimensions, own.dtype)


def _is_real(operand_type: OperandType) -> bool:
    return operand_type.has_scale or operand_type.dtype.kind == "f"


def _known(operand: Operand) -> OperandType:
    if not isinstance(operand.type, OperandType):
        raise BadDataError(f"an input is {type_name(operand.type)}, an extension's; nnhal does not know its values")
    return operand.type
