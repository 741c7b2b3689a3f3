"""The faults of a simulated device: which of them strikes, and when."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hal.faults import Fault, FaultKind


class Faults:
    """The faults that are set on a device. ``are_set``: a word that is not 0 while there are any."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.are_set = np.array([len(faults)], np.int64)
        self._lock = threading.Lock()
        self._cleared = threading.Event()
        self._set = [_Counted(fault) for fault in faults]

    def set(self, faults: Sequence[Fault]) -> None:
        """Have these faults in place of the earlier ones, counted from now; executions that hang go on."""
        with self._lock:
            self._set = [_Counted(fault) for fault in faults]
            self.are_set[0] = len(faults)
            self._cleared.set()
            self._cleared = threading.Event()

    def strike(self, *kinds: FaultKind) -> Strike:
        """Count an event that faults of these kinds can strike, and say what strikes it."""
        with self._lock:
            striking = [each.fault for each in self._set if each.fault.kind in kinds and each.strikes()]
            return Strike(tuple(striking), self._cleared)


@dataclass(frozen=True, slots=True)
class Strike:
    """What goes wrong with one event. ``cleared``: set when other faults have been set since."""

    faults: tuple[Fault, ...]
    cleared: threading.Event

    def has(self, kind: FaultKind) -> bool:
        """Whether a fault of this kind strikes."""
        return any(fault.kind is kind for fault in self.faults)

    @property
    def factor(self) -> float:
        """How many times its simulated time an execution takes."""
        return math.prod(fault.factor for fault in self.faults if fault.factor is not None)


class _Counted:
    """A fault and how many events it has seen."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._random = random.Random(fault.seed)

    def strikes(self) -> bool:
        self._seen += 1
        fault = self.fault
        if fault.at is not None:
            return self._seen == fault.at
        if fault.every is not None:
            return self._seen % fault.every == 0
        return fault.probability is not None and self._random.random() < fault.probability
