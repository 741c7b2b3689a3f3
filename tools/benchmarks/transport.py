"""What it costs to reach a driver: ``python -m tools.benchmarks.transport [--clients SECONDS] [--json]``.

The model is one tiny operation on the CPU, so that nearly all of the time is the way there and back:

- in a burst: from the application's call to its return, beyond what the driver says it has computed;
- by ``Execution.burst_compute``, the same through NNAPI's own objects;
- by ``Execution.compute``: one gRPC call, against a bare gRPC echo of messages of the same sizes. The two
  are alternated.

``--clients`` has eight processes execute a larger model at once for so many seconds, in bursts and by calls,
and compares their throughput with one client's alone, and with each other's.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent import futures

import grpc
import numpy as np

from hal.device import Argument, ExecutionResult, Request
from hal.model import Location
from hal.wire import request_to_wire, result_to_wire
from runtime.burst import Burst
from runtime.compilation import Compilation
from runtime.compiled import CompiledModel, compile_model
from runtime.execution import DEFAULT_LOOP_TIMEOUT, Execution
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
    values, output = np.ones(4, np.float32), np.zeros(4, np.float32)
    with compile_model(relu((4,)), ["cpu"]) as compiled:
        return {**in_bursts(compiled, values), **by_calls(compiled.compilation, values, output)}


def in_bursts(compiled: CompiledModel, values: np.ndarray) -> dict[str, dict[str, float]]:
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


def by_calls(compilation: Compilation, values: np.ndarray, output: np.ndarray) -> dict[str, dict[str, float]]:
    """``compute``, and a bare echo of messages of its sizes."""
    execution = given(compilation, values, output)
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
                for action in (execution.compute, lambda: echo(message, timeout=60)):
                    timed(action, BATCH)
                echoes, computes = [], []
                for _ in range(EXECUTIONS // BATCH):
                    echoes += timed(lambda: echo(message, timeout=60), BATCH)
                    computes += timed(execution.compute, BATCH)
        finally:
            server.kill()
            server.wait()
    ratio = float(np.median(computes) / np.median(echoes))
    return {"bare echo": spread(echoes), "compute": spread(computes), "compute / echo": {"median": ratio}}


def message_sizes() -> tuple[int, int]:
    """Bytes of an execution's request and of its response, as ``compute`` has them."""
    place = Location(f"app-{os.getpid()}-01234567/r10", 0, 16)
    data = np.zeros(16, np.uint8)
    request = Request([Argument(data, place)], [Argument(data, place)], loop_timeout=DEFAULT_LOOP_TIMEOUT)
    response = result_to_wire(ExecutionResult(((4,),), computing=100_000), [None])
    return request_to_wire(1, request, local=True).ByteSize(), response.ByteSize()


def given(compilation: Compilation, values: np.ndarray, output: np.ndarray) -> Execution:
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
        results = {mode: share(CLIENTS, arguments.clients, mode) for mode in ("burst", "compute")}
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
