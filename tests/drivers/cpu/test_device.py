"""The CPU as a simulated device: what it takes, what it says, how long it takes."""

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import replace

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal.device import Argument, PrepareOptions, Request, Timing
from hal.errors import (
    BadDataError,
    MissedDeadlineTransientError,
    OutputInsufficientSizeError,
    ResourceExhaustedTransientError,
)
from hal.faults import Fault, FaultKind
from hal.model import Extension, Lifetime, Model, Operand, Operation, Subgraph
from hal.types import DeviceType, OperationType, PreferenceCode
from tests import descriptions
from tests.control_flow import choice, loop, repeated
from tests.support import FLOAT, Input, constant, raw, single

FAST, SUSTAINED, LOW = (
    PreferenceCode.FAST_SINGLE_ANSWER,
    PreferenceCode.SUSTAINED_SPEED,
    PreferenceCode.LOW_POWER,
)


@pytest.fixture
def device(tmp_path):
    """Makes a CPU with other figures."""

    def make(figures=None, levels=None, faults=""):
        path = tmp_path / "changed.toml"
        path.write_text(descriptions.cpu(figures, levels, faults))
        return CpuDevice(path)

    return make


def _prepare(device, model, preference=FAST):
    return device.prepare_model(model, PrepareOptions(preference), lambda activity, done, total: None)


def _layer(size=64):
    rng = np.random.default_rng(0)
    weights, bias = rng.random((size, size)), np.zeros(size)
    return single(OperationType.FULLY_CONNECTED, np.ones((1, size)).view(Input), weights, bias, np.array(0))[0]


def _request(model, *, dimensions=None, **options):
    main = model.main

    def argument(index):
        operand = main.operands[index]
        shape = (dimensions or {}).get(index, operand.dimensions)
        data = np.zeros(shape, operand.type.dtype)
        return Argument(raw(data), None, shape)

    return Request([argument(index) for index in main.inputs], [argument(index) for index in main.outputs], **options)


def test_info():
    assert (CpuDevice().info.name, CpuDevice().info.type) == ("cpu", DeviceType.CPU)
    assert CpuDevice("snapdragon-450", "little").info.name == "little"


def test_estimate_is_what_an_execution_reports():
    model = _layer()
    prepared = _prepare(CpuDevice(), model)
    result = prepared.execute(_request(model, measure=True, trace=True))
    assert result.timing.in_driver == result.timing.on_hardware == round(prepared.cost.seconds * 1e9)
    assert result.timing.energy == round(prepared.cost.joules * 1e9)
    (span,) = result.spans
    assert (span.track, span.name, span.operation, span.start) == ("compute", "FULLY_CONNECTED", 0, 0)
    assert prepared.commands == ""


def test_only_what_is_asked_for_is_reported():
    model = _layer()
    result = _prepare(CpuDevice(), model).execute(_request(model))
    assert (result.timing, result.spans) == (Timing(), ())


def test_support_has_costs_by_preference(device):
    hot = device(descriptions.HOT, descriptions.HOT_LEVELS)
    model = _layer()
    ((fast,), (sustained,), (low,)) = (hot.supported_operations(model, each) for each in (FAST, SUSTAINED, LOW))
    assert fast.cost.seconds < sustained.cost.seconds < low.cost.seconds
    assert fast.cost.joules > sustained.cost.joules > low.cost.joules


def test_preferences_in_the_long_run(device):
    model = _layer(128)
    times, energies = {}, {}
    for preference in (FAST, SUSTAINED, LOW):
        prepared = _prepare(device(descriptions.HOT, descriptions.HOT_LEVELS), model, preference)
        timings = [prepared.execute(_request(model, measure=True)).timing for _ in range(120)]
        times[preference] = [timing.on_hardware for timing in timings]
        energies[preference] = [timing.energy for timing in timings]
    assert len(set(times[SUSTAINED])) == len(set(times[LOW])) == 1
    assert times[FAST][0] < times[SUSTAINED][0] < times[LOW][0]
    assert max(times[FAST][60:]) == times[SUSTAINED][0]  # throttled
    assert energies[LOW][0] < energies[SUSTAINED][0] < energies[FAST][0]


def test_extension_is_refused_in_words():
    model = _layer()
    operation = model.main.operations[0]
    code = (1 << 16) + 5
    strange = replace(
        model,
        main=replace(model.main, operations=(Operation(code, operation.inputs, operation.outputs),)),
        extensions=(Extension("com.example", 1),),
    )
    (support,) = CpuDevice().supported_operations(strange)
    assert support.refusal == "it is an extension's, which the CPU does not know; it takes NNAPI's operations"
    assert support.cost is None
    with pytest.raises(BadDataError, match=r"operation 0 \(extension operation 0x10005\): it is an extension's"):
        _prepare(CpuDevice(), strange)
    inside = choice(then=strange.main)
    (support,) = CpuDevice().supported_operations(inside)
    assert "a subgraph of it has an extension's operation" in support.refusal


def test_dimensions_of_the_execution_are_what_counts():
    model, _ = single(OperationType.RELU, np.zeros((4, 1000)).view(Input))
    operands = (replace(model.main.operands[0], dimensions=(0, 1000)), replace(model.main.operands[1], dimensions=()))
    model = replace(model, main=replace(model.main, operands=operands))
    prepared = _prepare(CpuDevice(), model)
    assert prepared.cost is None
    assert CpuDevice().supported_operations(model)[0].cost is None
    times = []
    for rows in (1, 1000, 1):
        request = _request(model, dimensions={0: (rows, 1000), 1: (rows, 1000)}, measure=True, trace=True)
        result = prepared.execute(request)
        assert [(span.name, span.duration) for span in result.spans] == [("RELU", result.timing.on_hardware)]
        times.append(result.timing.on_hardware)
    assert times[0] == times[2] < times[1]
    fixed, _ = single(OperationType.RELU, np.zeros((1000, 1000)).view(Input))
    assert _prepare(CpuDevice(), fixed).cost.seconds * 1e9 == pytest.approx(times[1], abs=1)


def test_loop_costs_what_it_executed():
    device = CpuDevice()
    assert device.supported_operations(loop())[0].cost is None
    assert _prepare(device, loop()).cost is None
    times = []
    for limit in (0.0, 1.0, 5.0):
        model = loop(limit)
        result = _prepare(device, model).execute(_request(model, measure=True, trace=True))
        assert [span.name for span in result.spans] == ["WHILE"]
        times.append(result.timing.on_hardware)
    condition, once, five = times
    assert once > condition > 0
    assert five - condition == pytest.approx(5 * (once - condition), abs=3)


def test_tensors_that_grow_in_a_loop_cost_more_each_time():
    model = loop(3.0, repeated(), (0,))
    result = _prepare(CpuDevice(), model).execute(_request(model, dimensions={5: (16,)}, measure=True))
    assert result.output_dimensions == ((1,), (16,))
    assert result.timing.on_hardware > 0


def test_realtime_takes_the_simulated_time(device):
    figures = {"realtime": True, "start_cycles": 0.2 * 2.2e9}
    model = _layer(8)
    prepared = _prepare(device(figures), model)
    start = time.monotonic()
    result = prepared.execute(_request(model, measure=True))
    wall = time.monotonic() - start
    assert 0.2e9 <= result.timing.in_driver <= wall * 1e9
    assert wall < 5
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError):
        prepared.execute(_request(model, timeout=0.05))
    assert time.monotonic() - start < 0.19


def test_simulated_time_is_not_waited_for(device):
    figures = {"start_cycles": 3600 * 2.2e9}
    model = _layer(8)
    result = _prepare(device(figures), model).execute(_request(model, measure=True, timeout=60.0))
    assert result.timing.in_driver > 3600e9


def _faulty(*faults):
    device = CpuDevice()
    model = _layer(8)
    prepared = _prepare(device, model)
    device.faults.set(faults)
    return device, prepared, _request(model, measure=True)


def test_exhausted():
    _, prepared, request = _faulty(Fault(kind=FaultKind.EXHAUSTED, at=2))
    prepared.execute(request)
    with pytest.raises(ResourceExhaustedTransientError):
        prepared.execute(request)
    prepared.execute(request)


def test_wrong_sizes():
    _, prepared, request = _faulty(Fault(kind=FaultKind.WRONG_SIZES, every=2))
    assert [prepared.execute(request).output_dimensions for _ in range(2)] == [((1, 8),), ((2, 9),)]


def test_slow_is_slow_in_both_times():
    _, prepared, request = _faulty(Fault(kind=FaultKind.SLOW, at=2, factor=1e5))
    normal = prepared.execute(request).timing
    start = time.monotonic()
    slow = prepared.execute(request).timing
    assert slow.in_driver == pytest.approx(1e5 * normal.in_driver, rel=1e-3)
    assert time.monotonic() - start >= slow.in_driver * 1e-9
    _, prepared, request = _faulty(Fault(kind=FaultKind.SLOW, at=1, factor=1e9))
    with pytest.raises(MissedDeadlineTransientError):
        prepared.execute(replace(request, timeout=0.05))


def test_hang_lasts_until_it_is_cleared_whatever_the_deadline():
    device, prepared, request = _faulty(Fault(kind=FaultKind.HANG, at=1))
    with ThreadPoolExecutor(1) as background:
        execution = background.submit(prepared.execute, replace(request, timeout=0.01))
        with pytest.raises(NotDone):
            execution.result(0.2)
        device.faults.set([])
        with pytest.raises(MissedDeadlineTransientError):
            execution.result(10)


def test_faults_of_the_description(device):
    cpu = device(faults='[[faults]]\nkind = "exhausted"\nevery = 1\n')
    model = _layer(8)
    with pytest.raises(ResourceExhaustedTransientError):
        _prepare(cpu, model).execute(_request(model))


def test_outputs_that_do_not_fit():
    model = _layer(8)
    prepared = _prepare(CpuDevice(), model)
    request = _request(model)
    short = replace(request, outputs=[Argument(np.zeros(4, np.uint8))])
    with pytest.raises(OutputInsufficientSizeError, match="output 0 needs 32 bytes") as error:
        prepared.execute(short)
    assert error.value.dimensions == ((1, 8),)


def test_input_that_an_execution_leaves_out():
    rng = np.random.default_rng(0)
    cell = [constant(values) for values in (rng.random((2, 3)), rng.random((2, 2)), rng.random(2))]
    state, nothing = constant(np.zeros((1, 2))), Operand(FLOAT, lifetime=Lifetime.NO_VALUE)
    inputs = [Operand(FLOAT, (1, 1, 3), lifetime=Lifetime.SUBGRAPH_INPUT), *cell, state, *cell, state]
    inputs.append(Operand(FLOAT, lifetime=Lifetime.SUBGRAPH_INPUT))  # the auxiliary one, of any rank
    inputs += [nothing, nothing, constant(0), constant(False), constant(False)]
    outputs = [Operand(FLOAT, (1, 1, 2), lifetime=Lifetime.SUBGRAPH_OUTPUT)] * 2
    numbers = tuple(range(len(inputs))), (len(inputs), len(inputs) + 1)
    operation = Operation(OperationType.BIDIRECTIONAL_SEQUENCE_RNN, *numbers)
    model = Model(Subgraph((*inputs, *outputs), (operation,), (0, 9), numbers[1]))
    request = _request(model, dimensions={9: (0,)}, measure=True)
    request = replace(request, inputs=[request.inputs[0], Argument(None)])
    result = _prepare(CpuDevice(), model).execute(request)
    assert result.output_dimensions == ((1, 1, 2), (1, 1, 2))
    assert result.timing.on_hardware > 0
