"""Faults that simulated devices have on demand, for those who test how an application survives them.

Part of the contract beside NNAPI (``nnhal.v1.Simulator``): an application sets them, a driver has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from hal.errors import BadDataError
from protos.nnhal.v1 import simulation_pb2

_PREFIX = "FAULT_KIND_"


class FaultKind(str, Enum):
    """What goes wrong.

    In executions: ``DIE``: the driver's process ends after computing, without an answer. ``HANG``: no
    answer, whatever the deadline, until other faults are set. ``SLOW``: the execution takes ``factor``
    times its simulated time, and really takes that long. ``EXHAUSTED``: ``RESOURCE_EXHAUSTED_TRANSIENT``
    in place of an execution. ``WRONG_SIZES``: an answer whose output dimensions are wrong. In preparing
    from a cache: ``REFUSE_CACHE``: ``BAD_DATA``.
    """

    DIE = "die"
    HANG = "hang"
    SLOW = "slow"
    EXHAUSTED = "exhausted"
    WRONG_SIZES = "wrong_sizes"
    REFUSE_CACHE = "refuse_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault, and when it strikes: exactly one of ``at``, ``every`` and ``probability`` says so.

    ``at``: at the n-th execution from when it was set, once; ``every``: at every n-th; ``probability``:
    at each with this chance, drawn by a generator that starts from ``seed``. For ``REFUSE_CACHE``,
    preparations from a cache are counted. ``factor``: of ``SLOW`` alone. Raises ``ValueError`` for
    what is none of this.
    """

    kind: FaultKind
    at: int | None = None
    every: int | None = None
    probability: float | None = None
    seed: int = 0
    factor: float | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.at, self.every, self.probability)) != 1:
            raise ValueError("a fault needs exactly one of at, every and probability")
        for name, number, least in (("at", self.at, 1), ("every", self.every, 1), ("seed", self.seed, 0)):
            if number is not None and not least <= number < 2**32:
                raise ValueError(f"{name} is {number}; it must be at least {least} and less than 2^32")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"probability is {self.probability}; it must be from 0 to 1")
        if (self.factor is None) == (self.kind is FaultKind.SLOW):
            raise ValueError("slow needs a factor, and no other kind has one")
        if self.factor is not None and not 1 <= self.factor < math.inf:
            raise ValueError(f"factor is {self.factor}; it must be at least 1")


def _number(kind: FaultKind) -> int:
    return int(simulation_pb2.FaultKind.Value(_PREFIX + kind.name))


def fault_to_wire(fault: Fault) -> simulation_pb2.Fault:
    """The message for a fault."""
    return simulation_pb2.Fault(
        kind=_number(fault.kind),  # type: ignore[arg-type]
        at=fault.at,
        every=fault.every,
        probability=fault.probability,
        seed=fault.seed,
        factor=fault.factor,
    )


def fault_from_wire(message: simulation_pb2.Fault) -> Fault:
    """The fault in ``message``; ``BadDataError`` when it is not well-formed."""
    kinds = {_number(kind): kind for kind in FaultKind}
    if message.kind not in kinds:
        known = ", ".join(kind.name for kind in FaultKind)
        raise BadDataError(f"fault kind {message.kind} is unknown; it must be one of {known}")
    when = message.WhichOneof("when")
    try:
        return Fault(
            kind=kinds[message.kind],
            at=message.at if when == "at" else None,
            every=message.every if when == "every" else None,
            probability=message.probability if when == "probability" else None,
            seed=message.seed,
            factor=message.factor if message.HasField("factor") else None,
        )
    except ValueError as error:
        raise BadDataError(f"{error}") from None
