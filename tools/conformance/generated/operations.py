"""Cases of one operation, for each operation and data type that is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from hal.operations import DECLARATIONS
from hal.types import OperandType, OperationType
from tools.conformance.case import MOVED, Accuracy, Case, Subject
from tools.conformance.generated import detection, elementwise, movement, recurrent, reduction, windows
from tools.conformance.generated.assembly import assembled
from tools.conformance.generated.draw import Draw, Given
from tools.conformance.modes import Mode
from tools.conformance.running import CaseTrial

GENERATORS: Mapping[OperationType, Callable[[Draw], list[Given]]] = {
    operation_type: generator
    for family in (detection, elementwise, movement, recurrent, reduction, windows)
    for operation_type, generator in family.GENERATORS.items()
}
"""What draws the operands of each operation."""

_MULTINOMIAL_TOLERANCE = 0.05
_INTEGER_ARITHMETIC = frozenset({OperationType.QUANTIZED_LSTM, OperationType.QUANTIZED_16BIT_LSTM})
_MEANINGLESS = {OperationType.LSTM: frozenset({0})}
"""Outputs whose values mean nothing: LSTM's scratch buffer."""


def operation_case(subject: Subject, seed: int, *, all_known: bool = False) -> Case:
    """The case that ``seed`` makes. ``all_known``: no dimensions are left open."""
    operation_type, data_type = subject.operation, subject.data_type
    draw = Draw(np.random.default_rng([seed, operation_type, data_type]), data_type)
    model, inputs = assembled(operation_type, draw, GENERATORS[operation_type](draw), all_known=all_known)
    return Case(
        case_name(subject, seed),
        model,
        inputs,
        expected=None,
        multinomial_tolerance=_MULTINOMIAL_TOLERANCE if operation_type is OperationType.RANDOM_MULTINOMIAL else 0.0,
        accuracy=MOVED if _only_moves(operation_type) else Accuracy(terms=draw.terms),
        ignored=_MEANINGLESS.get(operation_type, frozenset()),
    )


def _only_moves(operation_type: OperationType) -> bool:
    return DECLARATIONS[operation_type].stored and operation_type not in _INTEGER_ARITHMETIC


def case_name(subject: Subject, seed: int) -> str:
    """What the case is called; it tells the seed that makes it again."""
    return f"generated/{subject.operation.name}/{subject.data_type.name}/seed{seed}"


def subjects() -> list[Subject]:
    """Every operation that can be generated, over each of its types."""
    return [
        Subject(operation_type, OperandType(data_type))
        for operation_type in sorted(GENERATORS)
        for data_type in sorted(DECLARATIONS[operation_type].types)
    ]


def operation_trials(seeds: Sequence[int], modes: Sequence[Mode]) -> Iterator[CaseTrial]:
    """A trial for each subject and seed in each mode but SIGNED, since there are signed cases anyway."""
    for subject in subjects():
        for seed in seeds:
            for mode in modes:
                if mode is not Mode.SIGNED:
                    yield CaseTrial("generated", case_name(subject, seed), mode.value, subject, _maker(subject, seed))


def _maker(subject: Subject, seed: int) -> Callable[[], Case]:
    return lambda: operation_case(subject, seed)
