"""The CPU's performance model against figures worked out by hand."""

import numpy as np
import pytest

from drivers.cpu.description import CpuDescription
from drivers.cpu.performance import CpuPerformance
from drivers.simulation.description import parse
from drivers.simulation.estimate import graph
from hal.types import OperandType, OperationType
from hal.workload import Workload
from tests import descriptions
from tests.support import Input, single

FLOAT32, FLOAT16, BYTE = (
    OperandType.TENSOR_FLOAT32,
    OperandType.TENSOR_FLOAT16,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
)


def _model(**figures):
    description = parse(descriptions.cpu(figures), CpuDescription, "x")
    return CpuPerformance(description), description.power.levels


def _products(data_type, macs=10**9, arithmetic=0, moved=0, weights=0):
    return Workload(OperationType.CONV_2D, data_type, macs, 1, arithmetic, moved, weights, 0)


@pytest.mark.parametrize(
    ("data_type", "figures", "macs_per_cycle", "picojoules"),
    [
        (FLOAT32, {}, 16, 43),
        (FLOAT16, {}, 32, 22),
        (FLOAT16, {"float16": False}, 16, 43),
        (BYTE, {}, 64, 11),
        (BYTE, {"int8_dot_product": False}, 32, 11),
        (OperandType.TENSOR_QUANT16_SYMM, {"float16": False}, 32, 22),
        (OperandType.TENSOR_INT32, {}, 16, 43),
    ],
)
def test_multiply_accumulates(data_type, figures, macs_per_cycle, picojoules):
    performance, levels = _model(start_cycles=0, static_watts=0, efficiency=0.5, **figures)
    cost = performance.operation(_products(data_type), levels[-1])
    assert cost.seconds == pytest.approx(1e9 / macs_per_cycle / 0.5 / 2.2e9)
    assert cost.joules == pytest.approx(1e9 * picojoules * 1e-12)


def test_cores_share_and_the_clock_counts():
    performance, levels = _model(start_cycles=0, cores=4)
    slow, fast = (performance.operation(_products(FLOAT32), level) for level in (levels[0], levels[-1]))
    assert slow.seconds / fast.seconds == pytest.approx(2.2 / 0.8)
    assert fast.seconds == pytest.approx(1e9 / 32 / 0.7 / 2.2e9)
    static = 0.15
    dynamic = [cost.joules - static * cost.seconds for cost in (slow, fast)]
    assert dynamic[0] / dynamic[1] == pytest.approx((0.60 / 0.85) ** 2)


def test_start_and_scalar_instructions():
    performance, levels = _model(start_cycles=5000, efficiency=1.0)
    cost = performance.operation(_products(FLOAT32, macs=0, arithmetic=160_000), levels[-1])
    assert cost.seconds == pytest.approx((5000 + 160_000 / 16) / 2.2e9)


@pytest.mark.parametrize(
    ("moved", "seconds"),
    [
        (100_000, 100_000 / (64 * 2.2e9)),  # all of it fits the first cache
        (1_000_000, 1_000_000 / (32 * 2.2e9)),
        (10_000_000, 10_000_000 / 10.4e9),
    ],
)
def test_memory_that_holds_the_data(moved, seconds):
    performance, levels = _model(start_cycles=0)
    assert performance.operation(_products(FLOAT32, 0, 0, moved), levels[-1]).seconds == pytest.approx(seconds)


def test_arithmetic_hides_behind_memory_and_the_other_way_round():
    performance, levels = _model(start_cycles=0)
    alone = performance.operation(_products(FLOAT32, 10**6), levels[-1]).seconds
    assert performance.operation(_products(FLOAT32, 10**6, moved=1000), levels[-1]).seconds == alone
    memory = performance.operation(_products(FLOAT32, 0, moved=10**8), levels[-1]).seconds
    assert performance.operation(_products(FLOAT32, 10**6, moved=10**8), levels[-1]).seconds == memory > alone


def test_weights_of_a_model_that_the_cache_does_not_hold_come_from_memory():
    performance, levels = _model(start_cycles=0)
    rng = np.random.default_rng(0)
    sizes = (300, 3000)  # 360 kB and 36 MB of weights
    seconds = []
    for size in sizes:
        weights, bias = rng.random((size, size)), np.zeros(size)
        model, _ = single(OperationType.FULLY_CONNECTED, np.zeros((1, size)).view(Input), weights, bias, np.array(0))
        seconds.append(performance.schedule(graph(model.main, [(1, size)]), levels[-1]).seconds)
    assert seconds[0] == pytest.approx(4 * 301 * 300 / (32 * 2.2e9), rel=0.02)
    assert seconds[1] == pytest.approx(4 * 3001 * 3000 / 10.4e9, rel=0.02)
