"""An execution's report as a timeline: the runs of all steps one after another, spans where their runs are."""

from dataclasses import replace

import numpy as np

from hal.device import Span
from hal.types import OperandType, OperationType
from runtime.compiled import compile_model
from runtime.model import Model
from tests.runtime.graphs import Builder

X = np.ones((2, 3), np.float32)


def below_and_increment():
    """(count, x) -> count < 3; (count, x) -> count + 1, x + x"""
    build = Builder(Model(), (2, 3))
    count, x, verdict = build.tensor((1,)), build.tensor(), build.tensor((1,), OperandType.TENSOR_BOOL8)
    build.model.add_operation(OperationType.LESS, [count, build.constant(np.array([3], np.float32))], [verdict])
    condition = build.done([count, x], [verdict])
    build = Builder(Model(), (2, 3))
    count, x = build.tensor((1,)), build.tensor()
    following = build.add(count, build.constant(np.ones(1, np.float32)), build.tensor((1,)))
    return condition, build.done([count, x], [following, build.add(x, x)])


def loop():
    """(count, x) -> relu(x) doubled until count is 3"""
    build = Builder(Model(), (2, 3))
    count, x = build.tensor((1,)), build.tensor()
    models = [build.model.add_operand(OperandType.MODEL) for _ in range(2)]
    for operand, model in zip(models, below_and_increment()):
        build.model.set_operand_value_from_model(operand, model)
    relu = build.unary(OperationType.RELU, x)
    end, result = build.tensor((1,)), build.tensor()
    build.model.add_operation(OperationType.WHILE, [*models, count, relu], [end, result])
    return build.done([count, x], [end, result])


def test_runs_follow_each_other_and_spans_are_in_their_runs(new_device):
    device = new_device("traced")
    device.refuses(OperationType.WHILE)
    # each run takes 2000 ns in the driver (see the device); what it says it did then is in the middle, for operation 0
    device.on_result = lambda result: replace(result, spans=(Span("compute", "it", 500, 1000, 0),))
    with compile_model(loop(), [device]) as compiled:
        outputs, report = compiled.run_reported([np.zeros(1, np.float32), X], trace=True)
    np.testing.assert_array_equal(outputs[1], 8 * X)
    runs = sorted((run for step in report.steps for run in step.runs), key=lambda run: run.start)
    assert len(runs) == 1 + 4 + 3  # RELU; the condition holds three times, and then not
    assert [run.start for run in runs] == [2000 * number for number in range(8)]
    for run in runs:
        (span,) = run.spans
        assert (run.duration, span.start) == (2000, run.start + 500)
    assert report.timing.in_driver == 16_000


def test_a_span_of_an_operation_that_is_none_belongs_to_none(new_device):
    device = new_device("confused")
    device.on_result = lambda result: replace(result, spans=(Span("compute", "it", 0, 1, 99),))
    build = Builder(Model(), (2, 3))
    x = build.tensor()
    with compile_model(build.done([x], [build.unary(OperationType.RELU, x)]), [device]) as compiled:
        _, report = compiled.run_reported([X], trace=True)
    assert report.steps[0].runs[0].spans[0].operation is None
