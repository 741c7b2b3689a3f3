"""All passes together, and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest

import nnhal
from hal import reference
from hal.errors import BadDataError, BadStateError
from hal.metadata import Metadata
from hal.model import Extension, Lifetime, Model, Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.control_flow import choice
from tests.networks import Network
from tools.optimization.optimizer import PASSES, optimized

TO_NCHW, TO_NHWC = np.array([0, 3, 1, 2], np.int32), np.array([0, 2, 3, 1], np.int32)


def batch_normalized():
    """What a converter may make of a convolution with padding, batch normalization and RELU6, in NCHW."""
    generator = np.random.default_rng(0)
    network = Network()
    y = network.apply(O.PAD, network.input(1, 3, 8, 8), np.array([[0, 0], [0, 0], [0, 1], [0, 1]], np.int32))
    y = network.apply(O.TRANSPOSE, y, TO_NHWC)
    filters = network.constant(generator.normal(size=(4, 3, 3, 3)), Operand(T.TENSOR_FLOAT32))
    filters = network.apply(O.TRANSPOSE, filters, TO_NHWC)
    y = network.apply(O.CONV_2D, y, filters, np.zeros(4, np.float32), 2, 2, 2, 0)
    y = network.apply(O.TRANSPOSE, y, TO_NCHW)
    for operation in (O.MUL, O.ADD):
        y = network.apply(operation, y, generator.uniform(0.5, 2, (1, 4, 1, 1)).astype(np.float32), 0)
    network.apply(O.TANH, y)
    return network.model(network.apply(O.RELU6, y))


def test_passes_make_room_for_each_other():
    model = batch_normalized()
    better, report = optimized(model)
    assert [O(operation.type).name for operation in better.main.operations] == ["CONV_2D"]
    image = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    before, now = (reference.run(each, [image])[0] for each in (model, better))
    np.testing.assert_allclose(now, before, rtol=1e-5, atol=1e-5)
    assert (report.before.operations, report.after.operations) == (9, 1)
    assert report.commands_after < report.commands_before
    assert report.before.macs == report.after.macs == 4 * 4 * 4 * 27


def test_the_report_adds_up():
    _, report = optimized(batch_normalized())
    total = report.before
    for step in report.steps:
        assert step.changes > 0 or step.saved.operations == 0
        total -= step.saved
    assert total == report.after
    told = report.as_json()
    assert list(told["passes"]) == list(PASSES)
    assert told["after"]["commands"] == report.commands_after


def test_only_the_passes_that_are_asked_for():
    model = batch_normalized()
    assert optimized(model, [])[0] == model
    better, report = optimized(model, ["dead", "activations"])
    assert [step.name for step in report.steps] == ["activations", "dead"]
    assert [O(each.type).name for each in better.main.operations][-2:] == ["MUL", "ADD"]


def test_a_wrong_name_is_refused():
    with pytest.raises(BadDataError, match="no pass 'activation'; 'activations' is one; there are constants, identi"):
        optimized(batch_normalized(), ["activation"])


def wasteful(value):
    """x -> x + value, after something that nobody reads."""
    network = Network()
    x = network.input(2)
    network.apply(O.ABS, x)
    y = network.apply(O.MUL, network.apply(O.ADD, x, np.array([value], np.float32), 0), np.ones(1, np.float32), 0)
    return network.part(y)


def test_referenced_subgraphs_are_optimised():
    model = choice(then=wasteful(1.0), otherwise=wasteful(-1.0))
    better, report = optimized(model)
    assert [len(subgraph.operations) for subgraph in better.referenced] == [1, 1]
    assert (report.before.operations, report.after.operations) == (7, 3)
    for condition in (True, False):
        given = [np.array([condition]), np.array([3, 4], np.float32)]
        np.testing.assert_array_equal(reference.run(better, given)[0], reference.run(model, given)[0])


def test_dimensions_that_only_an_execution_knows():
    network = Network()
    x = network.input(0, 4)
    (y,) = network.record(O.TANH, (x,), Operand(T.TENSOR_FLOAT32, (0, 4)))
    arguments = [network.constant(each) for each in (np.zeros(4, np.float32), 0)]
    (z,) = network.record(O.ADD, (y, *arguments), Operand(T.TENSOR_FLOAT32, (0, 4)))
    (w,) = network.record(O.RELU, (z,), Operand(T.TENSOR_FLOAT32, (0, 4)))
    model = network.model(w)
    better, _ = optimized(model)
    assert [O(each.type).name for each in better.main.operations] == ["TANH", "ADD"]
    given = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_array_equal(reference.run(better, [given])[0], reference.run(model, [given])[0])


def test_extensions_are_left_alone():
    network = Network()
    x = network.input(2)
    y, z = network.record(3 << 16 | 7, (x,), *[Operand(T.TENSOR_FLOAT32, (2,))] * 2)
    part = network.part(network.apply(O.RELU, y))
    assert z.index not in part.outputs
    model = Model(part, extensions=(Extension("com.example.test", 3),))
    assert optimized(model)[0] == model


def test_an_applications_model():
    model = nnhal.Model()
    x, y, z = (model.add_operand(T.TENSOR_FLOAT32, (2, 2)) for _ in range(3))
    model.add_operation(O.ABS, [x], [y])
    with pytest.raises(BadStateError, match="not finished"):
        nnhal.optimize(model)
    zero, none = model.add_operand(T.TENSOR_FLOAT32, (1,)), model.add_operand(T.INT32)
    model.set_operand_value(zero, np.zeros(1, np.float32))
    model.set_operand_value(none, 0)
    model.add_operation(O.ADD, [y, zero, none], [z])
    model.identify_inputs_and_outputs([x], [z])
    model.relax_computation_float32_to_float16(True)
    model.finish()
    model.metadata = Metadata("mine", "a test")
    better, report = nnhal.optimize(model)
    assert report.after.operations == 1
    assert better.canonical.relaxed
    assert better.metadata == model.metadata
    compiled = nnhal.compile(better, devices=["cpu"])
    given = np.array([[1, -2], [-3, 4]], np.float32)
    np.testing.assert_array_equal(compiled.run([given])[0], np.abs(given))


def test_what_is_left_out_stays_so():
    network = Network()
    x = network.apply(O.RESHAPE, network.input(2, 3), np.array([3, 2], np.int32))
    nothing = network.operand(Operand(T.TENSOR_INT32, (0,), lifetime=Lifetime.NO_VALUE))
    y = network.apply(O.TRANSPOSE, x, nothing)
    model = network.model(network.apply(O.NEG, y), network.apply(O.ABS, y))
    better, _ = optimized(replace(model))
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    for before, now in zip(reference.run(model, [given]), reference.run(better, [given])):
        np.testing.assert_array_equal(now, before)
