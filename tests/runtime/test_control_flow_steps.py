"""IF and WHILE that no device takes: the runtime executes them, and devices what they contain."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from hal.device import Cost, Transfer
from hal.errors import BadDataError, MissedDeadlineTransientError
from hal.reference import run as reference
from hal.types import DeviceType
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime.compilation import Compilation
from runtime.compiled import compile_model
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model
from runtime.plan import RUNTIME
from tests.runtime.graphs import Builder, check

X = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
YES, NO = np.array([True]), np.array([False])


def branch(kind: O, shape: tuple[int, ...] = (2, 3)) -> Model:
    """x -> abs(kind(x) + x)"""
    build = Builder(Model(), shape)
    x = build.tensor()
    return build.done([x], [build.unary(O.ABS, build.add(build.unary(kind, x), x))])


def referring(build: Builder, model: Model) -> int:
    index = build.model.add_operand(T.MODEL)
    build.model.set_operand_value_from_model(index, model)
    return index


def choice(then: Model, otherwise: Model, shape: tuple[int, ...] = (2, 3)) -> Model:
    """(condition, x) -> neg(then(floor(x)) or otherwise(floor(x)))"""
    build = Builder(Model(), shape)
    condition, x = build.tensor((1,), T.TENSOR_BOOL8), build.tensor()
    chosen = build.tensor()
    given = [condition, referring(build, then), referring(build, otherwise), build.unary(O.FLOOR, x)]
    build.model.add_operation(O.IF, given, [chosen])
    return build.done([condition, x], [build.unary(O.NEG, chosen)])


def below(shape: tuple[int, ...] = (2, 3)) -> Model:
    """(count, limit, x) -> count < limit"""
    build = Builder(Model(), shape)
    count, limit, x, verdict = (
        build.tensor((1,)),
        build.tensor((1,)),
        build.tensor(),
        build.tensor((1,), T.TENSOR_BOOL8),
    )
    build.model.add_operation(O.LESS, [count, limit], [verdict])
    return build.done([count, limit, x], [verdict])


def body(*, growing: bool = False) -> Model:
    """(count, limit, x) -> count + 1, limit, and x + x, or x twice"""
    shape = (0,) if growing else (2, 3)
    build = Builder(Model(), shape)
    count, limit, x = build.tensor((1,)), build.tensor((1,)), build.tensor()
    following = build.add(count, build.constant(np.ones(1, np.float32)), build.tensor((1,)))
    same = build.unary(O.ABS, limit, build.tensor((1,)))
    result = build.tensor()
    if growing:
        build.model.add_operation(O.CONCATENATION, [x, x, build.constant(np.int32(0))], [result])
    else:
        build.add(x, x, result)
    return build.done([count, limit, x], [following, same, result])


def loop(limit: np.ndarray | None = None, *, growing: bool = False) -> Model:
    """(limit, x) -> count, neg of x doubled until count reaches limit"""
    shape = (0,) if growing else (2, 3)
    build = Builder(Model(), shape)
    bound, x = build.tensor((1,)), build.tensor()
    models = [referring(build, below(shape)), referring(build, body(growing=growing))]
    count, result = build.tensor((1,)), build.tensor()
    start = build.constant(np.zeros(1, np.float32))
    used = bound if limit is None else build.constant(limit)
    build.model.add_operation(O.WHILE, [*models, start, used, x], [count, build.tensor((1,)), result])
    return build.done([bound, x], [count, build.unary(O.NEG, result)])


@pytest.fixture
def without(new_device: Any) -> Any:
    """A device that takes neither IF nor WHILE."""
    device = new_device("without")
    device.refuses(O.IF, O.WHILE)
    return device


@pytest.fixture
def pair(new_device: Any) -> tuple[Any, Any]:
    """A device that takes ADD, and one that takes the rest, neither IF nor WHILE."""
    adder, rest = new_device("adder"), new_device("rest")
    adder.takes(O.ADD)
    rest.refuses(O.ADD, O.IF, O.WHILE)
    return adder, rest


@pytest.mark.parametrize("condition", [YES, NO])
def test_if(condition: np.ndarray, without: Any) -> None:
    plan = check(choice(branch(O.RELU), branch(O.NEG)), [without], condition, X).plan
    assert plan.assignment == ("without", RUNTIME, "without")
    step = plan.steps[1]
    assert (step.name, step.device, len(step.branches)) == (RUNTIME, None, 2)
    assert {each.assignment for each in step.branches} == {("without",) * 3}
    assert plan.devices == (without,)


@pytest.mark.parametrize("condition", [YES, NO])
def test_if_with_branches_on_several_devices(condition: np.ndarray, pair: Any) -> None:
    plan = check(choice(branch(O.RELU), branch(O.NEG)), pair, condition, X).plan
    assert [each.assignment for each in plan.steps[1].branches] == [("rest", "adder", "rest")] * 2


def test_if_within_if(pair: Any) -> None:
    inner = choice(branch(O.RELU), branch(O.NEG))
    build = Builder(Model())
    first, second, x = build.tensor((1,), T.TENSOR_BOOL8), build.tensor((1,), T.TENSOR_BOOL8), build.tensor()
    other = Builder(Model())
    condition, y = other.tensor((1,), T.TENSOR_BOOL8), other.tensor()
    otherwise = other.done([condition, y], [other.unary(O.FLOOR, y)])
    result = build.tensor()
    given = [first, referring(build, inner), referring(build, otherwise), second, x]
    build.model.add_operation(O.IF, given, [result])
    model = build.done([first, second, x], [result])
    for one in (YES, NO):
        for two in (YES, NO):
            check(model, pair, one, two, X)


@pytest.mark.parametrize("trips", [0, 1, 2, 7])
def test_while(trips: int, pair: Any) -> None:
    compilation = check(loop(), pair, np.array([trips], np.float32), X)
    assert RUNTIME in compilation.plan.assignment


def test_a_loop_over_constants(pair: Any) -> None:
    check(loop(np.array([3], np.float32)), pair, np.array([9], np.float32), X)


@pytest.mark.parametrize("trips", [0, 1, 5])
def test_a_loop_whose_value_grows(trips: int, pair: Any) -> None:
    model = loop(growing=True)
    compiled = compile_model(model, pair)
    inputs = [np.array([trips], np.float32), np.array([1, 2, 3], np.float32)]
    for _ in range(2):
        for result, wanted in zip(compiled.run(inputs), reference(model.canonical, inputs)):
            np.testing.assert_array_equal(result, wanted)


def test_if_whose_value_has_unknown_dimensions(pair: Any) -> None:
    model = choice(branch(O.RELU, (0, 3)), branch(O.NEG, (0, 3)), (0, 3))
    compiled = compile_model(model, pair)
    for rows in (2, 9, 2):
        inputs = [YES, np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)]
        np.testing.assert_array_equal(compiled.run(inputs)[0], reference(model.canonical, inputs)[0])


def test_constants_in_the_application_s_memory(pair: Any) -> None:
    memory = Memory.from_array(np.array([4], np.float32))
    build = Builder(Model())
    x = build.tensor()
    models = [referring(build, below()), referring(build, body())]
    start, limit = build.constant(np.zeros(1, np.float32)), build.tensor((1,))
    build.model.set_operand_value_from_memory(limit, memory, 0, 4)
    result = build.tensor()
    build.model.add_operation(O.WHILE, [*models, start, limit, x], [build.tensor((1,)), build.tensor((1,)), result])
    check(build.done([x], [result]), pair, X)


def test_loops_keep_their_time_limit(pair: Any) -> None:
    compilation = Compilation(loop(), pair)
    compilation.finish()
    execution = Execution(compilation)
    execution.set_input(0, np.array([1e9], np.float32))
    execution.set_input(1, X)
    execution.set_output(0, np.zeros(1, np.float32))
    execution.set_output(1, np.zeros((2, 3), np.float32))
    execution.set_loop_timeout(0.2)
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError, match=r"within 0\.2 s"):
        execution.compute()
    assert time.monotonic() - start < 5


def test_the_report_counts_a_loop_s_runs(pair: Any) -> None:
    compiled = compile_model(loop(), pair)
    _, report = compiled.run_reported([np.array([3], np.float32), X])
    assert sorted(len(step.runs) for step in report.steps) == [1, 3, 3, 4]
    assert report.timing.on_hardware == 11 * 1000


def test_what_a_subgraph_needs_and_no_device_takes_is_told(new_device: Any) -> None:
    device = new_device("poor")
    device.refuses(O.IF, O.NEG)
    with pytest.raises(
        BadDataError, match=r"operation 1 \(IF\): poor: it takes others; runtime: .*operation 0 \(NEG\)"
    ):
        Compilation(choice(branch(O.RELU), branch(O.NEG)), [device]).finish()


def test_a_device_that_takes_it_whole_is_preferred_among_equals(without: Any, device: Any) -> None:
    without.cost = device.cost = Cost(1e-3, 1e-3)
    plan = check(choice(branch(O.RELU), branch(O.NEG)), [without, device], YES, X).plan
    assert plan.assignment == ("without", "reference", "without")


def test_a_much_faster_device_that_takes_the_contents_is_preferred(without: Any, device: Any) -> None:
    without.type = DeviceType.ACCELERATOR
    without.transfer = Transfer(1e-6, 1e9)
    without.cost, device.cost = Cost(1e-3, 1e-3), Cost(50e-3, 1e-3)
    plan = check(choice(branch(O.RELU), branch(O.NEG)), [device, without], YES, X).plan
    assert plan.assignment == ("without", RUNTIME, "without")
