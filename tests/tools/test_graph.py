"""Editing canonical models."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import reference
from hal.errors import BadDataError
from hal.model import Extension, Lifetime, Operand, Operation
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.control_flow import added, choice
from tests.networks import Network
from tools.conformance.generated.graphs import graph_case
from tools.graph import Edit

X = np.array([[1, -2], [3, -4]], np.float32)


def types(model):
    return [operation.type for operation in model.main.operations]


def chain(*operation_types):
    """A model of functions of one tensor, one after the other, and its operands."""
    network = Network()
    refs = [network.input(2, 2)]
    for each in operation_types:
        refs.append(network.apply(each, refs[-1]))
    return network.model(refs[-1]), [each.index for each in refs]


@given(
    kind=st.sampled_from(["graph/TENSOR_FLOAT32", "graph/TENSOR_QUANT8_ASYMM", "IF", "graph/nested"]),
    seed=st.integers(0, 10**6),
)
def test_a_model_that_nobody_changes_computes_the_same(kind, seed):
    case = graph_case(kind, seed)
    model = Edit(case.model).finish()
    assert len(model.main.operations) == len(case.model.main.operations)
    for before, after in zip(reference.run(case.model, case.inputs), reference.run(model, case.inputs)):
        np.testing.assert_array_equal(after, before)


def test_the_model_that_is_edited_stays_as_it_was():
    model, (x, y, _) = chain(O.ABS, O.NEG)
    before = replace(model)
    edit = Edit(model)
    (graph,) = edit.graphs
    graph.bypass(graph.producer(y), x)
    assert types(edit.finish()) == [O.NEG]
    assert model == before


def test_operations_come_after_what_they_read():
    model, (_, y, z) = chain(O.ABS, O.NEG)
    edit = Edit(model)
    (graph,) = edit.graphs
    between = graph.add_temporary(graph.operands[y], graph.operands[y].dimensions)
    graph.redirect(y, between)
    graph.add(O.RELU, [y], [between])
    assert [operation.outputs for operation in graph.operations] == [(y,), (between,), (z,)]
    edited = edit.finish()
    assert types(edited) == [O.ABS, O.RELU, O.NEG]
    np.testing.assert_array_equal(reference.run(edited, [X])[0], -np.abs(X))


def test_what_nothing_uses_is_left_out():
    model = choice(then=added(1.0), otherwise=added(2.0))
    model = replace(
        model,
        main=replace(
            model.main, operands=(*model.main.operands, Operand(T.TENSOR_INT32, (3,), lifetime=Lifetime.NO_VALUE))
        ),
        referenced=(added(7.0), *model.referenced),
        extensions=(Extension("com.nobody", 3),),
    )
    operands = tuple(
        replace(operand, subgraph=operand.subgraph + 1) if operand.subgraph is not None else operand
        for operand in model.main.operands
    )
    edited = Edit(replace(model, main=replace(model.main, operands=operands))).finish()
    assert edited == choice(then=added(1.0), otherwise=added(2.0))


def test_constants_and_arguments():
    network = Network()
    x = network.input(1, 4, 4, 2)
    filters = np.ones((3, 2, 2, 2), np.float32)
    y = network.apply(O.CONV_2D, x, filters, np.zeros(3, np.float32), 1, 1, 1, 0)
    edit = Edit(network.model(y))
    (graph,) = edit.graphs
    (operation,) = graph.operations
    assert graph.arguments(operation).padding == 1
    assert [graph.position(operation, name) for name in ("filter", "activation", "nchw")] == [1, 6, 7]
    with pytest.raises(ValueError, match="no input 'padding_left'"):
        graph.position(operation, "padding_left")
    doubled = graph.add_constant(2 * filters, graph.operands[operation.inputs[1]])
    changed = graph.with_argument(operation, "filter", doubled)
    changed = graph.with_argument(changed, "nchw", graph.add_scalar(T.BOOL, False))
    graph.replace(operation, changed)
    image = np.random.default_rng(0).random((1, 4, 4, 2), np.float32)
    before, after = (reference.run(each, [image])[0] for each in (network.model(y), edit.finish()))
    np.testing.assert_array_equal(after, 2 * before)
    assert not graph.value(doubled).flags.writeable


def test_readers_and_producers():
    network = Network()
    x = network.input(2, 2)
    y = network.apply(O.ABS, x)
    z = network.apply(O.ADD, y, y, 0)
    (graph,) = Edit(network.model(y, z)).graphs
    first, second = graph.operations
    assert graph.producer(x.index) is None
    assert graph.producer(y.index) == first
    assert graph.readers(y.index) == [second]
    assert graph.is_read(z.index)
    assert not graph.feeds_only(y.index, second)
    assert graph.feeds_only(x.index, first)


@pytest.mark.parametrize(("source_is_output", "possible"), [(False, True), (True, False)])
def test_bypassing_what_computes_an_output(source_is_output, possible):
    network = Network()
    x = network.input(2, 2)
    y = network.apply(O.ABS, x)
    z = network.apply(O.RELU, y)
    w = network.apply(O.NEG, y)
    edit = Edit(network.model(z, w, *([y] if source_is_output else [])))
    (graph,) = edit.graphs
    assert graph.bypass(graph.producer(z.index), y.index) == possible
    model = edit.finish()
    assert (O.RELU in types(model)) != possible
    outputs = reference.run(model, [X])
    np.testing.assert_array_equal(outputs[0], np.abs(X))
    np.testing.assert_array_equal(outputs[1], -np.abs(X))


def test_an_output_can_not_become_an_input():
    model, (x, y) = chain(O.ABS)
    (graph,) = Edit(model).graphs
    assert not graph.bypass(graph.producer(y), x)
    assert graph.operations == list(model.main.operations)


def test_edits_that_break_the_rules_are_refused():
    model, (x, y, z) = chain(O.ABS, O.NEG)
    edit = Edit(model)
    edit.graphs[0].operands[y] = Operand(T.TENSOR_FLOAT16, (2, 2))
    with pytest.raises(BadDataError, match="TENSOR_FLOAT16; it must be TENSOR_FLOAT32"):
        edit.finish()
    (graph,) = Edit(model).graphs
    with pytest.raises(ValueError, match=f"operand {z} is written by another operation already"):
        graph.add(O.RELU, [x], [z])
    graph.replace(graph.producer(y), Operation(O.ABS, (z,), (y,)))
    with pytest.raises(ValueError, match="in a circle"):
        graph.subgraph()


def test_dimensions_of_temporaries_are_filled_in():
    model, (_, y, z) = chain(O.ABS, O.NEG)
    operands = list(model.main.operands)
    for index in (y, z):
        operands[index] = replace(operands[index], dimensions=())
    edit = Edit(replace(model, main=replace(model.main, operands=tuple(operands))))
    assert [edit.graphs[0].operands[index].dimensions for index in (y, z)] == [(2, 2), ()]
