"""A conformance case: a model, what goes in, and what must come out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.model import Model, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.types import FuseCode, OperandType, OperationType

Array = NDArray[Any]

FLOAT32_TOLERANCE = (1e-5, 5 * 1.1920929e-7)
"""Absolute and relative: Android's rule for float32."""

FLOAT16_TOLERANCE = (5 * 0.0009765625, 5 * 0.0009765625)
"""The same for float16, and for float32 that may be computed as float16."""

_SHOWN_DIFFERENCES = 8


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How near a driver must come to the reference, which computes in float64 what the driver may in float32.

    A floating output may be off by Android's tolerances, the absolute one times the largest expected
    magnitude (or 1 if that is more), plus a walk of ``terms`` rounding errors in random directions:
    epsilon times the square root of ``terms`` times that magnitude. ``terms``: how many products are
    summed for one value at most; 0 where values are only moved, which must not change them.

    A quantised output may be off by ``steps`` of its scale. Integers and booleans must be exact.
    """

    terms: int = 1
    steps: int = 1


MOVED = Accuracy(terms=0, steps=0)
"""Values are moved and none is computed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    ``inputs``: an array for each input, None for one left out. ``expected``: an array for each output,
    None for one that is not compared; None for all of it: the results of ``hal.reference``.
    ``ignored``: outputs that are not compared either. ``accuracy``: how near the others must come;
    without it Android's rule for recorded values holds. ``must_fail``: compilation or execution must end
    with an error. ``multinomial_tolerance``: above 0, the output is a random draw whose frequencies are
    compared with ``softmax`` of the first input.
    """

    name: str
    model: Model
    inputs: tuple[Array | None, ...]
    expected: tuple[Array | None, ...] | None
    must_fail: bool = False
    multinomial_tolerance: float = 0.0
    accuracy: Accuracy | None = None
    ignored: frozenset[int] = frozenset()

    @property
    def operation_types(self) -> frozenset[int]:
        """The types of the operations in all of its subgraphs."""
        subgraphs = (self.model.main, *self.model.referenced)
        return frozenset(operation.type for subgraph in subgraphs for operation in subgraph.operations)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a case is about: an operation, over data of a type."""

    operation: OperationType
    data_type: OperandType


def subject(model: Model) -> Subject | None:
    """The one operation, over one type, that the main subgraph is about; None where there are several.

    An ADD of a constant 0, by which specifications turn an input into a temporary, does not count.
    """
    main = model.main
    found = {_subject(main, operation) for operation in main.operations if not _is_placeholder(main, operation)}
    found = found or {_subject(main, operation) for operation in main.operations}
    return found.pop() if len(found) == 1 else None


def _subject(subgraph: Subgraph, operation: Operation) -> Subject | None:
    declaration = DECLARATIONS.get(operation.type)
    if declaration is None or len(operation.inputs) <= declaration.data_input:
        return None
    data_type = subgraph.operands[operation.inputs[declaration.data_input]].type
    return Subject(declaration.type, data_type) if isinstance(data_type, OperandType) else None


def _is_placeholder(subgraph: Subgraph, operation: Operation) -> bool:
    if operation.type != OperationType.ADD or len(operation.inputs) != 3:
        return False
    _, zero, activation = (subgraph.operands[index] for index in operation.inputs)
    if zero.value is None or activation.value is None:
        return False
    return zero.value.tolist() == [zero.zero_point] and activation.value.tolist() == FuseCode.NONE


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that an output should have been and was not, in words and figures for people."""

    where: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an execution's outputs; ``differences`` are the first ones."""

    reason: str
    differences: tuple[Difference, ...] = ()


def fault(case: Case, outputs: Sequence[Array]) -> Fault | None:
    """What is wrong with ``outputs`` of a case whose expected results are known; None when nothing is."""
    assert case.expected is not None
    if len(outputs) != len(case.expected):
        return Fault(f"{len(outputs)} outputs; there must be {len(case.expected)}")
    for index, (actual, expected) in enumerate(zip(outputs, case.expected)):
        if expected is None or index in case.ignored:
            continue
        operand = case.model.main.operands[case.model.main.outputs[index]]
        assert isinstance(operand.type, OperandType)
        what = f"output {index}"
        if actual.shape != expected.shape:
            wanted, given = str(list(expected.shape)), str(list(actual.shape))
            reason = f"{what} has dimensions {given}; they must be {wanted}"
            return Fault(reason, (Difference(f"{what}, dimensions", wanted, given),))
        if case.multinomial_tolerance > 0:
            found = _multinomial_fault(case, what, actual)
        else:
            found = _difference(what, actual, expected, tolerance(case, operand.type, expected))
        if found is not None:
            return found
    return None


def tolerance(case: Case, operand_type: OperandType, expected: Array) -> tuple[float, float]:
    """How far, absolutely and relatively, an output of this type may be from what is expected."""
    accuracy = case.accuracy
    if operand_type.dtype.kind == "b":
        return 0.0, 0.0
    if operand_type.dtype.kind != "f":
        if accuracy is None:
            return 1.0, 0.0
        return float(accuracy.steps if operand_type.has_scale else 0), 0.0
    half = case.model.relaxed or any(
        operand.type in (OperandType.TENSOR_FLOAT16, OperandType.FLOAT16) for operand in case.model.main.operands
    )
    allowed = FLOAT16_TOLERANCE if half or operand_type.dtype == np.float16 else FLOAT32_TOLERANCE
    if accuracy is None:
        return allowed
    if accuracy.terms == 0:
        return 0.0, 0.0
    absolute, relative = allowed
    finite = np.abs(expected[np.isfinite(expected)].astype(np.float64))
    epsilon = relative / 5
    return (absolute + epsilon * math.sqrt(accuracy.terms)) * float(finite.max(initial=1.0)), relative


def _difference(what: str, actual: Array, expected: Array, allowed: tuple[float, float]) -> Fault | None:
    absolute, relative = allowed
    wanted, given = expected.astype(np.float64), actual.astype(np.float64)
    with np.errstate(invalid="ignore"):
        near = np.abs(given - wanted) <= absolute + relative * np.abs(wanted)
    near &= np.isfinite(wanted)  # an infinity is off from it by infinity, and allowed as much
    right = near | (given == wanted) | (np.isnan(given) & np.isnan(wanted))
    if right.all():
        return None
    wrong = np.argwhere(~right)
    differences = tuple(
        Difference(f"{what} {index.tolist()}", str(expected[tuple(index)]), str(actual[tuple(index)]))
        for index in wrong[:_SHOWN_DIFFERENCES]
    )
    where = tuple(wrong[0])
    return Fault(
        f"{what}: {len(wrong)} of {right.size} values differ, first at {wrong[0].tolist()}: "
        f"{given[where]!s} instead of {wanted[where]!s}",
        differences,
    )


def _multinomial_fault(case: Case, what: str, drawn: Array) -> Fault | None:
    """Android's rule for RANDOM_MULTINOMIAL: how often each class was drawn against its probability."""
    logits = case.inputs[0]
    assert logits is not None
    weights = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    wanted = weights / weights.sum(axis=-1, keepdims=True)
    classes = logits.shape[-1]
    frequencies = np.stack(
        [np.bincount(row, minlength=classes)[:classes] / row.size for row in drawn.reshape(len(logits), -1)]
    )
    worst = np.unravel_index(np.abs(frequencies - wanted).argmax(), wanted.shape)
    off = abs(frequencies[worst] - wanted[worst])
    if off <= case.multinomial_tolerance:
        return None
    shown = Difference(f"{what}, how often {worst[1]}", f"{wanted[worst]:.3f}", f"{frequencies[worst]:.3f}")
    return Fault(f"{what}: a class was drawn {off:.3f} more or less often than its probability", (shown,))
