"""What the engine costs apart from kernels: ``python -m tools.benchmarks.engine [--json]``.

A model of 500 tiny additions is executed by the CPU driver's engine, in this process: whatever it
takes beyond the additions' own arithmetic is the engine's cost a command. Memory that an execution
allocates is measured as well; tensors must not be among it.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from drivers.cpu.device import CpuDevice
from drivers.engine.executable import Executable, Limits
from drivers.engine.threads import Threads, count
from hal.device import Argument, PrepareOptions, Request
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType

OPERATIONS = 500
EXECUTIONS = 2000
ELEMENTS = 8


def tiny_operations() -> Model:
    """A chain: 500 times, 1 is added to 8 numbers."""
    tensor = OperandType.TENSOR_FLOAT32
    operands = [
        Operand(tensor, (ELEMENTS,), lifetime=Lifetime.SUBGRAPH_INPUT),
        Operand(tensor, (1,), lifetime=Lifetime.CONSTANT_COPY, value=np.ones(1, np.float32)),
        Operand(OperandType.INT32, lifetime=Lifetime.CONSTANT_COPY, value=np.array(0, np.int32)),
    ]
    operations = []
    for index in range(OPERATIONS):
        source = len(operands) - 1 if index else 0
        last = index == OPERATIONS - 1
        operations.append(Operation(OperationType.ADD, (source, 1, 2), (len(operands),)))
        lifetime = Lifetime.SUBGRAPH_OUTPUT if last else Lifetime.TEMPORARY_VARIABLE
        operands.append(Operand(tensor, (ELEMENTS,), lifetime=lifetime))
    return Model(Subgraph(tuple(operands), tuple(operations), (0,), (len(operands) - 1,)))


def measure() -> dict[str, float]:
    """Medians over many executions, in microseconds, and bytes."""
    model = tiny_operations()
    values, result = np.zeros(ELEMENTS, np.float32), np.zeros(ELEMENTS, np.float32)
    executable = Executable(model, Threads(count()))
    executable.prepare([values.shape], lambda done, total: None)
    walking = _timed(lambda: executable.run([values], lambda position, dimensions, dtype: result, Limits(None, 1.0)))
    assert (result == OPERATIONS).all(), result

    prepared = CpuDevice().prepare_model(model, PrepareOptions(), lambda activity, done, total: None)
    request = Request([Argument(values.view(np.uint8))], [Argument(result.view(np.uint8))], measure=True)
    whole = _timed(lambda: prepared.execute(request))

    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(EXECUTIONS):
        prepared.execute(request)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    tracemalloc.start()
    for _ in range(EXECUTIONS):
        prepared.execute(request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "walk_us_per_command": walking / 1e3 / OPERATIONS,
        "execute_us_per_command": whole / 1e3 / OPERATIONS,
        "execute_us": whole / 1e3,
        "python_bytes_peak": peak,
        "pages_touched_anew": faults,
    }


def _timed(action: Callable[[], object]) -> float:
    """Nanoseconds of wall time, the median of many times."""
    action()
    times = []
    for _ in range(EXECUTIONS):
        start = time.perf_counter_ns()
        action()
        times.append(time.perf_counter_ns() - start)
    return float(np.median(times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    measured = measure()
    if parser.parse_args().json:
        print(json.dumps(measured))
        return
    print(f"{OPERATIONS} additions of {ELEMENTS} numbers, {EXECUTIONS} executions, medians")
    print(f"  walking the commands, additions included   {measured['walk_us_per_command']:8.4f} us a command")
    print(f"  an execution, Python around it included    {measured['execute_us_per_command']:8.4f} us a command")
    print(f"  an execution                               {measured['execute_us']:8.1f} us")
    print(f"  memory it allocates, most at once          {measured['python_bytes_peak']:8.0f} bytes")
    print(f"  memory pages touched anew, in all          {measured['pages_touched_anew']:8.0f}")


if __name__ == "__main__":
    main()
