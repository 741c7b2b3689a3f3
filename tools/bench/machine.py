"""What this machine can do at most: multiply-adds of its cores, bytes of its memory and of its caches."""

from __future__ import annotations

import functools
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_TRY = 0.002
"""Seconds of a try, as short as can be: the best one counts, in which nothing was in the way."""
_TRYING = 0.2
_LEAST_TRIES = 5
_TRIAD_BYTES = 12
"""Bytes that one element of the triad moves: two are read and one is written."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Peaks of ``threads`` cores together.

    ``float_rates`` and ``byte_rates``: operations a second, a multiply-add being two, of float32 and of 8-bit
    integers (or wider ones, where the processor sums no 8-bit products), by what computes them; empty where
    nothing is known. ``memory`` and ``cache``: bytes a second between the core and memory, or its L2 cache.
    """

    processor: str
    threads: int
    float_rates: Mapping[str, float]
    byte_rates: Mapping[str, float]
    memory: float
    cache: float

    def peak(self, *, quantised: bool) -> float | None:
        """Operations a second of the fastest way; None where nothing is known."""
        return max((self.byte_rates if quantised else self.float_rates).values(), default=None)

    def as_json(self) -> dict[str, Any]:
        """In billions of operations and of bytes a second."""
        return {
            "processor": self.processor,
            "threads": self.threads,
            "float32_gflops": {name: rate / 1e9 for name, rate in self.float_rates.items()},
            "int8_gops": {name: rate / 1e9 for name, rate in self.byte_rates.items()},
            "memory_gbytes": self.memory / 1e9,
            "l2_gbytes": self.cache / 1e9,
        }


def measured(threads: int) -> Machine:
    """Measure this machine; takes some seconds."""
    from tools.bench.machine_code import CHAINS, dot_loop, float_loop, pair_loop

    features = _features()
    widths = [128] + [256] * ("avx2" in features) + [512] * ("avx512f" in features)

    def rate(make: Callable[[int], Callable[[int], float]], bits: int, element: int) -> float:
        loop = make(bits)
        return _best(lambda count: [lambda: loop(count)] * threads, CHAINS * 2 * bits / element)

    floats = {f"{bits}-bit multiply-adds": rate(float_loop, bits, 32) for bits in widths if "fma" in features}
    integers: dict[str, float] = {}
    if platform.machine() == "x86_64":
        integers = {f"{bits}-bit sums of int16 pairs": rate(pair_loop, bits, 16) for bits in widths}
        vnni = [256] * ("avxvnni" in features or {"avx512vnni", "avx512vl"} <= features)
        vnni += [512] * ("avx512vnni" in features)
        integers |= {f"{bits}-bit sums of four int8": rate(dot_loop, bits, 8) for bits in vnni}
    return Machine(
        _processor(), threads, floats, integers, *(_bandwidth(threads, size) for size in _working_sets(threads))
    )


def _features() -> set[str]:
    """What the processor has, by LLVM's names; "fma" wherever it multiplies and adds in one."""
    import llvmlite.binding as llvm

    features = {name for name, has in llvm.get_host_cpu_features().items() if has}
    return features | ({"fma"} if platform.machine() == "aarch64" else set())


def _working_sets(threads: int) -> tuple[int, int]:
    """Bytes of each thread's triad in memory, where no cache holds them (if memory has room), and in an L2 cache."""
    sizes = _caches()
    room = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(2 * max(sizes.values()), room // 4) // threads, sizes[2] // 2


def _caches() -> dict[int, int]:
    """Bytes of the first core's data caches by their level; of common ones where Linux does not tell."""
    sizes = {2: 1 << 18, 3: 1 << 25}
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and size.endswith("K"):
            sizes[int(level)] = int(size[:-1]) * 1024
    return sizes


def _bandwidth(threads: int, size: int) -> float:
    """Bytes a second of triads, of all threads together, each over ``size`` bytes of its own."""
    from tools.bench.machine_code import triad

    elements = size // _TRIAD_BYTES
    arrays = [[np.ones(elements, np.float32) for _ in range(3)] for _ in range(threads)]
    return _best(lambda count: [functools.partial(triad, *each, count) for each in arrays], elements * _TRIAD_BYTES)


def _best(work: Callable[[int], list[Callable[[], object]]], amount: float) -> float:
    """The best rate of several tries.

    ``work``: for a number of rounds, what each thread is to do at once; ``amount``: how much a thread does in a round.
    """
    count = 1
    while (taken := min(_together(work(count)) for _ in range(_LEAST_TRIES))) < _TRY:
        count = max(2 * count, round(count * _TRY / taken)) if taken > _TRY / 100 else 10 * count
    times: list[float] = []
    end = time.perf_counter() + _TRYING
    while len(times) < _LEAST_TRIES or time.perf_counter() < end:
        times.append(_together(work(count)))
    return len(work(count)) * count * amount / min(times)


def _together(actions: list[Callable[[], object]]) -> float:
    """Seconds from the beginning of the first of the actions, each on a thread of its own, to the end of the last."""
    gate = threading.Barrier(len(actions))
    times: list[float] = []

    def act(action: Callable[[], object]) -> None:
        gate.wait()
        times.append(time.perf_counter())
        action()
        times.append(time.perf_counter())

    workers = [threading.Thread(target=act, args=(action,)) for action in actions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(times) - min(times)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
