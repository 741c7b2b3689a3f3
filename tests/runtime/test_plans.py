"""Plans: which device gets what, and that steps on several devices compute what one would."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from hal.device import Cost, Support, Transfer
from hal.errors import BadDataError, BadStateError, OpFailedError, OutputInsufficientSizeError
from hal.reference import run as reference
from hal.types import DeviceType, PreferenceCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime import discovery
from runtime.compilation import Compilation, plan
from runtime.compiled import compile_model
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model
from tests.runtime.graphs import Builder, check

A = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)


@pytest.fixture
def build() -> Builder:
    return Builder(Model())


@pytest.fixture
def chain(build: Builder) -> Model:
    """abs(x), + x, neg, floor"""
    x = build.tensor()
    total = build.add(build.unary(O.ABS, x), x)
    return build.done([x], [build.unary(O.FLOOR, build.unary(O.NEG, total))])


@pytest.fixture
def pair(new_device: Any) -> tuple[Any, Any]:
    """A device that takes ADD, and one that takes the rest."""
    adder, rest = new_device("adder"), new_device("rest")
    adder.takes(O.ADD)
    rest.refuses(O.ADD)
    return adder, rest


# Where operations go


def test_each_operation_goes_where_it_is_taken(chain: Model, pair: Any) -> None:
    plan = check(chain, pair, A).plan
    assert plan.assignment == ("rest", "adder", "rest", "rest")
    assert [(step.name, step.operations) for step in plan.steps] == [("rest", (0,)), ("adder", (1,)), ("rest", (2, 3))]
    assert [answer.device for answer in plan.answers] == ["adder", "rest"]
    assert [each.refusal == "" for each in plan.answers[0].supports] == [False, True, False, False]
    assert [device.name for device in plan.devices] == ["rest", "adder"]


def test_values_between_devices_stay_where_they_are(chain: Model, pair: Any) -> None:
    check(chain, pair, A)
    adder, rest = pair
    assert rest.requests[0].outputs[0].location in [each.location for each in adder.requests[0].inputs]
    assert adder.requests[0].outputs[0].location == rest.requests[1].inputs[0].location


def test_a_device_that_takes_the_whole_model_gets_it_whole(chain: Model, device: Any) -> None:
    plan = check(chain, [device], A).plan
    assert device.models == [chain.canonical]
    assert plan.steps[0].model is chain.canonical


def test_the_cheaper_device_is_chosen(chain: Model, new_device: Any) -> None:
    slow, fast = new_device("slow"), new_device("fast")
    slow.cost, fast.cost = Cost(2e-3, 1e-3), Cost(1e-3, 2e-3)
    plan = check(chain, [slow, fast], A).plan
    assert set(plan.assignment) == {"fast"}
    assert plan.cost == Cost(pytest.approx(4e-3), pytest.approx(8e-3))
    sparing = compile_model(chain, [slow, fast], PreferenceCode.LOW_POWER).plan
    assert set(sparing.assignment) == {"slow"}


def test_moving_counts(chain: Model, new_device: Any) -> None:
    near, far = new_device("near"), new_device("far")
    far.type = DeviceType.ACCELERATOR
    near.cost, far.cost = Cost(2e-3, 0), Cost(1e-3, 0)
    far.transfer = Transfer(1.1e-3, 24e3)  # 24 bytes in another millisecond
    plan = check(chain, [near, far], A).plan
    assert set(plan.assignment) == {"near"}
    assert plan.movements == ()
    far.transfer = Transfer(0.5e-3, 48e3)
    plan = check(chain, [near, far], A).plan
    assert set(plan.assignment) == {"far"}
    moves = [(each.device, each.to_device, each.size) for each in plan.movements]
    assert moves == [("far", True, 24), ("far", False, 24)]
    assert [each.cost.seconds for each in plan.movements] == pytest.approx([1e-3, 1e-3])
    assert plan.cost.seconds == pytest.approx(6e-3)


def test_launching_counts_for_each_step(chain: Model, new_device: Any) -> None:
    near, far = new_device("near"), new_device("far")
    far.type, far.transfer = DeviceType.ACCELERATOR, Transfer(0, 1e12)
    near.cost, far.cost = Cost(2e-3, 1e-3), Cost(1e-3, 1e-3)
    far.launch = Cost(5e-3, 0)
    assert set(check(chain, [near, far], A).plan.assignment) == {"near"}
    far.launch = Cost(0.5e-3, 3e-3)
    plan = check(chain, [near, far], A).plan
    assert set(plan.assignment) == {"far"}
    assert plan.steps[0].cost.seconds == pytest.approx(plan.cost.seconds, rel=1e-6)
    assert plan.cost == Cost(pytest.approx(4.5e-3), pytest.approx(7e-3, rel=1e-6))
    far.launch = None  # assumed
    assert check(chain, [near, far], A).plan.cost.seconds == pytest.approx(4.1e-3)


def test_ratios_are_relative_to_the_cpu_s_own_costs(chain: Model, new_device: Any) -> None:
    cpu, other = new_device("cpu"), new_device("other")
    cpu.cost = Cost(3e-3, 5e-3)
    compilation = Compilation(chain, [cpu, other])
    compilation.finish()
    assert [support.cost for support in compilation.plan.answers[1].supports] == [Cost(3e-3, 5e-3)] * 4


def test_an_operation_that_no_device_takes_is_named_with_each_reason(chain: Model, pair: Any, new_device: Any) -> None:
    adder, _ = pair
    third = new_device("third")
    third.supported_operations = lambda model, preference: [Support("FLOOR would need a floor")] * 4
    with pytest.raises(BadDataError) as caught:
        Compilation(chain, [adder, third]).finish()
    assert str(caught.value) == (
        "no device takes operation 0 (ABS): adder: it takes others; third: FLOOR would need a floor"
    )
    assert caught.value.operation == 0


def test_a_plan_can_be_had_without_preparing_anything(chain: Model, pair: Any) -> None:
    assert plan(chain, pair).assignment == ("rest", "adder", "rest", "rest")
    assert [each.models for each in pair] == [[], []]
    with pytest.raises(BadDataError, match="preference"):
        plan(chain, pair, 7)  # type: ignore[arg-type]


def test_a_compilation_that_is_not_finished_has_no_plan(chain: Model, device: Any) -> None:
    with pytest.raises(BadStateError):
        _ = Compilation(chain, [device]).plan


# What steps must get right


def test_independent_operations_are_gathered(build: Builder, pair: Any) -> None:
    """Three towers of ABS, ADD, ABS: three steps, not nine."""
    x = build.tensor()
    tops = []
    for _ in range(3):
        total = build.add(build.unary(O.ABS, x), x)
        tops.append(build.unary(O.ABS, total))
    plan = check(build.done([x], tops), pair, A).plan
    assert [step.name for step in plan.steps] == ["rest", "adder", "rest"]


def test_an_output_may_be_read_inside_and_by_another_device(build: Builder, pair: Any) -> None:
    x = build.tensor()
    positive = build.unary(O.ABS, x)
    negative = build.unary(O.NEG, positive)
    total = build.add(positive, negative)
    check(build.done([x], [total, positive, negative]), pair, A)


def test_a_step_of_constants_alone(build: Builder, pair: Any) -> None:
    x = build.tensor()
    constant = build.unary(O.ABS, build.constant(A))
    check(build.done([x], [build.add(x, constant)]), pair, A)


def test_what_nobody_wants_is_not_computed(build: Builder, pair: Any) -> None:
    x = build.tensor()
    build.add(x, x)
    plan = check(build.done([x], [build.unary(O.NEG, x)]), pair, A).plan
    assert [step.name for step in plan.steps] == ["rest"]
    (model,) = pair[1].models
    assert [operation.type for operation in model.main.operations] == [O.NEG]


def test_unused_inputs(build: Builder, pair: Any) -> None:
    x, unused = build.tensor(), build.tensor((4,))
    check(build.done([unused, x], [build.unary(O.NEG, build.add(x, x))]), pair, np.zeros(4, np.float32), A)


def test_memories_of_the_application_are_used_as_they_are(chain: Model, pair: Any) -> None:
    compilation = Compilation(chain, pair)
    compilation.finish()
    source, target = Memory.from_array(A), Memory.from_array(np.zeros(10, np.float32))
    execution = Execution(compilation)
    execution.set_input_from_memory(0, source, 0, 24)
    execution.set_output_from_memory(0, target, 8, 24)
    execution.compute()
    np.testing.assert_array_equal(target.data[8:32].view(np.float32).reshape(2, 3), reference(chain.canonical, [A])[0])
    adder, rest = pair
    used = {argument.location for request in (*adder.requests, *rest.requests) for argument in request.inputs}
    assert source.part(0, 24)[1] in used
    assert rest.requests[-1].outputs[0].location == target.part(8, 24)[1]


def open_chain(build: Builder) -> Model:
    build.shape = (0, 3)
    x = build.tensor()
    total = build.add(build.unary(O.ABS, x), x)
    return build.done([x], [build.unary(O.FLOOR, build.unary(O.NEG, total)), total])


def test_unknown_dimensions_between_steps(build: Builder, pair: Any) -> None:
    model = open_chain(build)
    compiled = compile_model(model, pair)
    for rows in (2, 50, 2, 1):
        x = np.random.default_rng(rows).standard_normal((rows, 3)).astype(np.float32)
        for result, wanted in zip(compiled.run([x]), reference(model.canonical, [x])):
            np.testing.assert_array_equal(result, wanted)


def test_outputs_that_do_not_fit_are_told_all_at_once(build: Builder, pair: Any) -> None:
    compilation = Compilation(open_chain(build), pair)
    compilation.finish()
    execution = Execution(compilation)
    execution.set_input(0, A)
    execution.set_output(0, bytearray(0))
    execution.set_output(1, bytearray(12))
    with pytest.raises(OutputInsufficientSizeError) as caught:
        execution.compute()
    assert caught.value.dimensions == ((2, 3), (2, 3))
    assert execution.get_output_operand_dimensions(1) == (2, 3)


def test_a_value_without_elements_between_steps(build: Builder, pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No box has a score above the threshold; requests can't say that, so the whole model runs on the CPU."""
    scores = build.tensor((1, 2))
    boxes = build.tensor((1, 8))
    batches = build.tensor((1,), T.TENSOR_INT32)
    kept = [build.tensor((0,)), build.tensor((0, 4)), *(build.tensor((0,), T.TENSOR_INT32) for _ in range(2))]
    scalars = [np.float32(0.9), np.int32(-1), np.int32(0), np.float32(0.3), np.float32(1), np.float32(0.1)]
    build.model.add_operation(
        O.BOX_WITH_NMS_LIMIT, [scores, boxes, batches, *(build.constant(each) for each in scalars)], kept
    )
    doubled = build.add(kept[0], kept[0], build.tensor((0,)))
    model = build.done([scores, boxes, batches], [doubled])
    inputs = [np.array([[0, s]], np.float32) for s in (0.95, 0.2)]
    rest = [np.array([[0, 0, 1, 1, 0, 0, 2, 2]], np.float32), np.zeros(1, np.int32)]
    explicit = compile_model(model, pair)
    assert explicit.run([inputs[0], *rest])[0].tolist() == pytest.approx([1.9])
    with pytest.raises(OpFailedError, match="without elements"):
        explicit.run([inputs[1], *rest])
    whole = type(pair[0])("whole")
    whole.cost = Cost(100, 0)
    for each in pair:
        each.type, each.cost, each.transfer = DeviceType.ACCELERATOR, Cost(1e-6, 0), Transfer(0, 1e9)
    monkeypatch.setattr(discovery, "devices", lambda: [*pair, whole])
    compiled = compile_model(model)
    assert set(compiled.plan.assignment) == {"adder", "rest"}
    assert compiled.run([inputs[0], *rest])[0].tolist() == pytest.approx([1.9])
    assert whole.models == []
    outputs, report = compiled.run_reported([inputs[1], *rest])
    assert outputs[0].shape == (0,)
    assert report.steps[-1].device == "whole"


def test_threads_do_not_disturb_each_other(build: Builder, pair: Any) -> None:
    model = open_chain(build)
    compiled = compile_model(model, pair)

    def run(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        for _ in range(15):
            x = rng.standard_normal((rng.integers(1, 20), 3)).astype(np.float32)
            results = zip(compiled.run([x]), reference(model.canonical, [x]))
            if not all(np.array_equal(result, wanted) for result, wanted in results):
                return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(run, range(12)))


UNARY = (O.ABS, O.NEG, O.FLOOR, O.RELU, O.RELU6)


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_on_three_devices(seed: int, new_device: Any) -> None:
    rng = random.Random(seed)
    build = Builder(Model())
    inputs = [build.tensor() for _ in range(rng.randint(1, 3))]
    values = [*inputs, build.constant(A)]
    computed = []
    for _ in range(rng.randint(1, 25)):
        if rng.random() < 0.5:
            computed.append(build.unary(rng.choice(UNARY), rng.choice(values)))
        else:
            computed.append(build.add(rng.choice(values), rng.choice(values)))
        values.append(computed[-1])
    outputs = rng.sample(computed, rng.randint(1, len(computed)))
    if computed[-1] not in outputs:
        outputs.append(computed[-1])
    devices = [new_device(name) for name in ("one", "two", "three")]
    for each in devices:
        each.takes(*rng.sample((*UNARY, O.ADD), 4))
        each.type = rng.choice(list(DeviceType))
        each.cost = Cost(rng.random() * 1e-3, 1)
        each.transfer = Transfer(rng.random() * 1e-4, 1e9)
    everything = new_device("everything")
    everything.cost = Cost(1, 1)
    numbers = np.random.default_rng(seed)
    arrays = [numbers.integers(-9, 9, (2, 3)).astype(np.float32) for _ in inputs]
    check(build.done(inputs, outputs), [*devices, everything], *arrays)
