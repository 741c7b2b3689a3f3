"""Results of a benchmark, made by hand."""

from tools.bench.agreement import Agreement
from tools.bench.alternating import TIME, Spread
from tools.bench.machine import Machine
from tools.bench.result import Benchmark, ModelResult, Split, Work

MACHINE = Machine("a processor", 2, {"narrow": 50e9, "wide": 100e9}, {"int8": 400e9}, 10e9, 100e9)


def spreads(seconds):
    return {TIME: Spread(seconds, 0.9 * seconds, 1.5 * seconds, 100)}


def result(name="net", *, ours=0.002, theirs=0.004, quantised=False, difference=0.0):
    return ModelResult(
        name,
        quantised,
        Work(operations=80_000_000, traffic=4_000_000),
        spreads(ours),
        theirs=None if theirs is None else spreads(theirs),
        agreement=None if theirs is None else Agreement(difference, 1e-4),
        split=Split(transport=0.0001, computing=0.0019, engine=0.00002),
        others=0.5,
    )


def benchmark(*results):
    return Benchmark("cpu", "burst", "LiteRT", MACHINE, results)
