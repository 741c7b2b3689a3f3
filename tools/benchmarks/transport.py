"""What it costs to reach a driver: ``python -m tools.benchmarks.transport [--clients SECONDS] [--json]``.

The model is one tiny operation on the CPU, so that nearly all of the time is the way there and back:

- in a burst: from the application's call to its return, beyond what the driver says it has computed;
- by ``Execution.burst_compute``, the same through NNAPI's own objects;
- by ``Execution.compute``, which goes through a burst too, one that the compilation keeps for itself;
- by the same where that is off, so that each is a gRPC call, as on another machine. These two are alternated
  with a bare gRPC echo of messages of the call's sizes.

``--clients`` has eight processes execute a larger model at once for so many seconds, in each of these ways,
and compares their throughput with one client's alone, and with each other's.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from hal.device import Argument, ExecutionResult, Request
from hal.errors import OpFailedError
from hal.model import Location
from hal.wire import request_to_wire, result_to_wire
from runtime.burst import Burst
from runtime.compilation import Compilation
from runtime.compiled import CompiledModel, compile_model
from runtime.execution import DEFAULT_LOOP_TIMEOUT, Execution
from runtime.launcher import EmbeddedDriver
from runtime.remote import RemoteDevice
from tools.bench.ours import MODES
from tools.benchmarks.clients import Shares, relu, share

EXECUTIONS = 2000
BATCH = 100
"""Calls of one kind before those of the other, where two are alternated."""

CLIENTS = 8

_ECHO = "/nnhal.Echo/Echo"


def serve_echo(address: str) -> None:
    """Answer every message with one of as many bytes as its first four say."""

    def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
        return bytes(int.from_bytes(request[:4], "little"))

    server = grpc.server(futures.ThreadPoolExecutor(4))
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("nnhal.Echo", handlers)])
    server.add_insecure_port(address)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def spread(times: list[float]) -> dict[str, float]:
    """Microseconds: the 5th percentile, the median, the 95th."""
    low, middle, high = np.percentile(times, [5, 50, 95]) / 1e3
    return {"p5": float(low), "median": float(middle), "p95": float(high)}


def timed(action: Callable[[], object], count: int) -> list[float]:
    """Nanoseconds of each of ``count`` calls."""
    times = []
    for _ in range(count):
        start = time.perf_counter_ns()
        action()
        times.append(float(time.perf_counter_ns() - start))
    return times


def measure() -> dict[str, dict[str, float]]:
    """The figures, in microseconds."""
    values, driver = np.ones(4, np.float32), EmbeddedDriver("cpu")
    devices = RemoteDevice(driver), RemoteDevice(driver, keeps_bursts=False)
    with contextlib.ExitStack() as open_models:
        by_itself, by_calls = (open_models.enter_context(compile_model(relu((4,)), [each])) for each in devices)
        return {**in_bursts(by_itself, values), **beside_an_echo(by_itself, by_calls, values)}


def in_bursts(compiled: CompiledModel, values: NDArray[Any]) -> dict[str, dict[str, float]]:
    """What an execution in a burst takes, and how much of it is not the driver's computing."""
    with compiled.burst() as burst:
        timed(lambda: burst.run([values]), BATCH)
        total, beyond, computing = [], [], []
        for _ in range(EXECUTIONS):
            start = time.perf_counter_ns()
            burst.run([values])
            took = time.perf_counter_ns() - start
            total.append(float(took))
            computing.append((burst.computing or 0.0) * 1e9)
            beyond.append(took - computing[-1])
    execution = given(compiled.compilation, values, np.zeros_like(values))
    with Burst(compiled.compilation) as plain:
        timed(lambda: execution.burst_compute(plain), BATCH)
        objects = timed(lambda: execution.burst_compute(plain), EXECUTIONS)
    return {
        "burst.run": spread(total),
        "computing, by the driver": spread(computing),
        "burst.run beyond computing": spread(beyond),
        "burst_compute": spread(objects),
    }


def beside_an_echo(
    by_itself: CompiledModel, by_calls: CompiledModel, values: NDArray[Any]
) -> dict[str, dict[str, float]]:
    """``compute`` as it goes by itself and where each is a call, and a bare echo of messages of the call's sizes."""
    output = np.zeros_like(values)
    plain, called = (given(each.compilation, values, output) for each in (by_itself, by_calls))
    asked, answered = message_sizes()
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/echo.sock"
        server = subprocess.Popen(
            [sys.executable, "-m", "tools.benchmarks.transport", "--echo", address], stdout=subprocess.PIPE
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            with grpc.insecure_channel(address) as channel:
                echo = channel.unary_unary(_ECHO, request_serializer=None, response_deserializer=None)
                message = answered.to_bytes(4, "little") + bytes(asked - 4)
                actions: dict[str, Callable[[], object]] = {
                    "bare echo": lambda: echo(message, timeout=60),
                    "compute": plain.compute,
                    "compute, each a call": called.compute,
                }
                found = alternated(actions)
        finally:
            server.kill()
            server.wait()
    if not plain.report.steps[0].in_burst or called.report.steps[0].in_burst:
        raise OpFailedError("the executions did not go the ways that they are to be measured on")
    medians = {what: float(np.median(times)) for what, times in found.items()}
    ratios = {f"{what} / echo": {"median": medians[what] / medians["bare echo"]} for what in list(medians)[1:]}
    return {**{what: spread(times) for what, times in found.items()}, **ratios}


def alternated(actions: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Nanoseconds of ``EXECUTIONS`` calls of each action, in turns of ``BATCH``, after one turn that does not count."""
    for action in actions.values():
        timed(action, BATCH)
    found: dict[str, list[float]] = {what: [] for what in actions}
    for _ in range(EXECUTIONS // BATCH):
        for what, action in actions.items():
            found[what] += timed(action, BATCH)
    return found


def message_sizes() -> tuple[int, int]:
    """Bytes of an execution's request and of its response, as ``compute`` has them."""
    place = Location(f"app-{os.getpid()}-01234567/r10", 0, 16)
    data = np.zeros(16, np.uint8)
    request = Request([Argument(data, place)], [Argument(data, place)], loop_timeout=DEFAULT_LOOP_TIMEOUT)
    response = result_to_wire(ExecutionResult(((4,),), computing=100_000), [None])
    return request_to_wire(1, request, local=True).ByteSize(), response.ByteSize()


def given(compilation: Compilation, values: NDArray[Any], output: NDArray[Any]) -> Execution:
    """A reusable execution."""
    execution = Execution(compilation)
    execution.set_reusable(True)
    execution.set_input(0, values)
    execution.set_output(0, output)
    return execution


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=float, metavar="SECONDS", help="have eight clients execute at once")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--echo", metavar="ADDRESS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.echo:
        serve_echo(arguments.echo)
    elif arguments.clients:
        results = {mode: share(CLIENTS, arguments.clients, mode) for mode in MODES}
        if arguments.json:
            print(json.dumps({mode: dataclasses.asdict(result) for mode, result in results.items()}))
        else:
            for mode, result in results.items():
                print_shares(mode, result)
    else:
        measured = measure()
        if arguments.json:
            print(json.dumps(measured))
            return
        print(f"{EXECUTIONS} executions of a tiny model, microseconds (5th percentile, median, 95th)")
        for what, figures in measured.items():
            print(f"  {what:28s}" + "".join(f"{value:10.2f}" for value in figures.values()))


def print_shares(mode: str, result: Shares) -> None:
    """A few lines for people."""
    print(f"{len(result.counts)} clients, {mode}: {result.wrong} wrong results")
    print(f"  executions a second, one client alone    {result.alone:9.1f}")
    print(f"  all of them together                     {result.together:9.1f}  ({result.together / result.alone:.2f})")
    print(f"  least and most, of an equal share         {result.least:8.2f} {result.most:9.2f}")


if __name__ == "__main__":
    main()
