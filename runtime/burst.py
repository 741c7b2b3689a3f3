"""NNAPI's burst objects: many executions of one compilation, one after the other, as fast as they can be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hal.errors import BadDataError, BadStateError, UnexpectedNullError
from runtime.bursts import Bursts
from runtime.closing import Closing
from runtime.compilation import Compilation


class Burst(Closing):
    """A burst of executions of a finished compilation: ``Execution.burst_compute`` takes it.

    Inputs, outputs and weights stay where the driver has found them the first time, and no message is made
    when only the tensors' content has changed. Executions in arrays are fastest with the same shapes, those
    in memories with the same memories. A driver on another machine, or without bursts, executes in the
    ordinary way; the execution's report tells.

    The compilation must outlive the burst. Raises ``BadStateError`` unless the compilation is finished and
    open, ``UnexpectedNullError`` without one.
    """

    def __init__(self, compilation: Compilation) -> None:
        if compilation is None:
            raise UnexpectedNullError("there must be a compilation that the burst is of")
        _ = compilation.prepared
        self._compilation = compilation
        self._bursts = Bursts()
        self._busy = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """End the burst; what it is computing fails with ``BadStateError``. May be called again."""
        self._closed = True
        self._bursts.close()

    @contextmanager
    def computing(self, compilation: Compilation) -> Iterator[Bursts]:
        """The time of one execution of ``compilation``; gives the drivers' bursts.

        Raises ``BadDataError`` where the burst is of another compilation, ``BadStateError`` where it is
        closed or computes already.
        """
        if compilation is not self._compilation:
            raise BadDataError("the burst is of another compilation than the execution")
        bursts = self.begin()
        try:
            yield bursts
        finally:
            self.end()

    def begin(self) -> Bursts:
        """Begin an execution; raises as ``computing``."""
        if not self._busy.acquire(blocking=False):
            raise BadStateError("the burst is computing another execution; it computes one at a time")
        if self._closed:
            self._busy.release()
            raise BadStateError("the burst is closed")
        return self._bursts

    def end(self) -> None:
        """The execution has ended."""
        self._busy.release()
