"""The valid models that mutations start from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from hal import reference
from hal.device import Bytes
from hal.errors import BadDataError
from hal.memory import Region
from hal.model import Location, Model
from hal.types import ResultCode
from hal.validation import validate_model
from hal.wire import model_from_wire, model_to_wire
from protos.nnhal.v1 import model_pb2
from runtime.process import folder
from tools.conformance.case import Array, Case, Subject
from tools.conformance.invalid.probe import Probe

Change = Callable[[model_pb2.Model], None]
"""Breaks a rule in a valid model's message."""

BAD_DATA = frozenset({ResultCode.BAD_DATA})


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule broken. ``codes``: those with which it may be refused."""

    name: str
    change: Change
    codes: frozenset[ResultCode] = BAD_DATA


@dataclass(eq=False)
class Base:
    """A valid case, as a message whose constants are all inline."""

    subject: Subject
    case: Case
    _supported: dict[Probe, bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def message(self) -> model_pb2.Model:
        """The valid message; not to be changed."""
        return model_to_wire(self.case.model, lambda data, location: None)

    @cached_property
    def expected(self) -> list[Array]:
        """What executing the case gives."""
        return reference.run(self.case.model, self.case.inputs)

    def mutated(self, change: Change) -> model_pb2.Model:
        """The message with the change."""
        message = model_pb2.Model()
        message.CopyFrom(self.message)
        change(message)
        return message

    def is_supported(self, probe: Probe) -> bool:
        """Whether the driver takes the model; asked once."""
        with self._lock:
            if probe not in self._supported:
                self._supported[probe] = probe.supported(self.message)
            return self._supported[probe]


def typed(operand: model_pb2.Operand, operand_type: int) -> None:
    """Give a message's operand a type, maybe one that there is not."""
    operand.type = operand_type  # type: ignore[assignment]


def living(operand: model_pb2.Operand, lifetime: int) -> None:
    """Give a message's operand a lifetime, maybe one that there is not."""
    operand.lifetime = lifetime  # type: ignore[assignment]


@cache
def shared_region() -> Region:
    """Real shared memory of this process, for places in it that are none."""
    return Region.create(folder(), 1 << 20)


def canonical(message: model_pb2.Model) -> Model:
    """The model in a message whose constants are all inline."""
    return model_from_wire(message, _no_memory)


def breaks_a_rule(message: model_pb2.Model) -> bool:
    """Whether the operations' declarations refuse it: for changes that may or may not break a rule."""
    try:
        validate_model(canonical(message))
    except BadDataError:
        return True
    return False


def _no_memory(location: Location) -> Bytes:
    return np.zeros(0, np.uint8)
