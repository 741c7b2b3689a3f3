"""Our side: an application with a model, and its driver in a process of its own."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence

from hal.device import Progress, Request
from runtime.compiled import compile_model
from runtime.launcher import EmbeddedDriver
from runtime.model import Model
from runtime.remote import RemoteDevice
from runtime.values import Array
from tools.bench.alternating import TIME, Parts

MODES = ("burst", "compute", "rpc")
"""Ways to execute: in a burst, by plain runs, and by plain runs that are each a gRPC call."""

COMPUTING = "computing"
"""The part of a call that the driver spends computing: its own wall clock's, also where the device is simulated."""

_THREADS = "NNHAL_CPU_THREADS"


@contextlib.contextmanager
def fresh_driver(name: str, threads: int, mode: str = MODES[0]) -> Iterator[tuple[RemoteDevice, int]]:
    """The device ``name`` behind a driver that is started for this, with so many threads; and its process's number.

    ``mode``: the one of ``MODES`` that it is for.

    Raises ``UnavailableDeviceError`` where it does not start.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = str(threads)
    try:
        driver = EmbeddedDriver(name)
        address = driver.address()
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
    assert driver.pid is not None
    try:
        yield RemoteDevice(driver, keeps_bursts=mode != "rpc"), driver.pid
    finally:
        driver.give_up(address)


class Ours:
    """A model on a device, on the same inputs again and again. ``mode``: one of ``MODES``.

    A burst's inputs lie where its runs read them, as LiteRT's do when it is invoked.
    """

    def __init__(
        self, model: Model, device: RemoteDevice, inputs: Sequence[Array], mode: str, progress: Progress
    ) -> None:
        self._inputs: Sequence[Array] = inputs
        self._open = contextlib.ExitStack()
        self._compiled = self._open.enter_context(compile_model(model, [device], progress=progress))
        self._burst = None
        if mode == "burst":
            self._burst = self._open.enter_context(self._compiled.burst())
            self._burst.run(inputs)
            self._inputs = self._burst.inputs
            for place, values in zip(self._inputs, inputs):
                place[...] = values

    def outputs(self) -> list[Array]:
        """What the model computes, by the way that is measured."""
        return self._compiled.run(self._inputs) if self._burst is None else self._burst.run(self._inputs)

    def call(self) -> Parts:
        """Execute once, from the application's call to its return; also ``COMPUTING``, where the driver tells it."""
        if self._burst is None:
            start = time.perf_counter()
            _, running = self._compiled.execute(self._inputs, Request((), ()))
            taken = time.perf_counter() - start
            computing = running.report().computing
        else:
            start = time.perf_counter()
            self._burst.run(self._inputs)
            taken = time.perf_counter() - start
            computing = self._burst.computing
        return {TIME: taken} if computing is None else {TIME: taken, COMPUTING: computing}

    def close(self) -> None:
        """End the burst and give the model back."""
        self._open.close()
