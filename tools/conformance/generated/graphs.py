"""Cases of several operations: chains and branches, operands read more than once, and control flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hal.model import Model, Subgraph
from hal.types import OperandType
from hal.types import OperationType as O
from tools.conformance.case import Accuracy, Case, Subject
from tools.conformance.generated.draw import Array, Draw, Given
from tools.conformance.generated.graph import Graph, wander
from tools.conformance.modes import Mode
from tools.conformance.running import CaseTrial

_MAGNITUDE = 8.0
"""What is larger is only made smaller, so that rounding errors stay in proportion to the results."""

_FORGETFUL = 0.1
"""How often the dimensions of a temporary are left open."""

_FLOATS = (OperandType.TENSOR_FLOAT32, OperandType.TENSOR_FLOAT16)

_TERMS = 40
"""That an operation of a graph sums for one result, about."""

Step = Callable[[Graph, int], "list[int] | None"]
"""Applies an operation to an operand of the graph; returns its results, None where it does not apply."""


def _unary(graph: Graph, x: int) -> list[int] | None:
    """A function that no rounding error grows in; of quantised types, one that keeps the scale."""
    choices = [O.RELU, O.RELU1, O.RELU6]
    if graph.draw.data_type in _FLOATS:
        choices += [O.TANH, O.LOGISTIC, O.ABS, O.NEG, O.SIN, O.HARD_SWISH]
    operation = graph.draw.choice(choices)
    return graph.apply(operation, x)


def _with_constant(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    other = graph.draw.tensor(shape[graph.draw.whole(0, len(shape) - 1) :], -1, 1)
    operation = graph.draw.choice((O.ADD, O.SUB, O.MUL))
    return graph.apply(operation, x, other, graph.draw.activation())


def _with_another(graph: Graph, x: int) -> list[int] | None:
    """With an operand of the same dimensions, maybe itself."""
    others = [index for index in _tensors(graph) if graph.shape(index) == graph.shape(x)]
    other = graph.draw.choice(others)
    if graph.magnitude(x) + graph.magnitude(other) > _MAGNITUDE:
        return None
    if graph.draw.chance():
        return graph.apply(graph.draw.choice((O.MAXIMUM, O.MINIMUM)), x, other)
    return graph.apply(graph.draw.choice((O.ADD, O.SUB)), x, other, graph.draw.activation())


def _reshape(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    target = graph.draw.choice(([-1], list(shape[::-1]), [1, -1]))
    return graph.apply(O.RESHAPE, x, graph.draw.integers(target))


def _transpose(graph: Graph, x: int) -> list[int] | None:
    return graph.apply(O.TRANSPOSE, x, graph.draw.integers(graph.draw.order(len(graph.shape(x)))))


def _pad(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    if math.prod(shape) > 500:
        return None
    return graph.apply(O.PAD, x, graph.draw.integers([[graph.draw.whole(0, 1), graph.draw.whole(0, 1)] for _ in shape]))


def _split(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    cuts = [(axis, count) for axis, size in enumerate(shape) for count in (2, 3) if size % count == 0]
    if not cuts:
        return None
    axis, count = graph.draw.choice(cuts)
    return graph.apply(O.SPLIT, x, graph.draw.scalar(axis), graph.draw.scalar(count))


def _concatenation(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    axis = graph.draw.whole(0, len(shape) - 1)

    def fits(other: tuple[int, ...]) -> bool:
        return len(other) == len(shape) and all(a == b for i, (a, b) in enumerate(zip(shape, other)) if i != axis)

    others = [index for index in _tensors(graph) if fits(graph.shape(index))]
    if math.prod(shape) > 500:
        return None
    return graph.apply(O.CONCATENATION, x, graph.draw.choice(others), graph.draw.scalar(axis))


def _softmax(graph: Graph, x: int) -> list[int] | None:
    if graph.draw.data_type not in _FLOATS:
        return None
    return graph.apply(O.SOFTMAX, x, graph.draw.real(graph.draw.between(0.2, 1)))


def _mean(graph: Graph, x: int) -> list[int] | None:
    axis = graph.draw.whole(0, len(graph.shape(x)) - 1)
    return graph.apply(O.MEAN, x, graph.draw.integers([axis]), graph.draw.scalar(graph.draw.whole(0, 1)))


def _fully_connected(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    if len(shape) < 2 or shape[-1] > 40:
        return None
    units = graph.draw.whole(1, 12)
    reach = 1 / math.sqrt(shape[-1])
    weights = graph.draw.tensor((units, shape[-1]), -reach, reach)
    inputs = Given(graph.operands[x], graph.values[x])
    return graph.apply(O.FULLY_CONNECTED, x, weights, graph.draw.bias(inputs, weights, units), graph.draw.activation())


def _conv_2d(graph: Graph, x: int) -> list[int] | None:
    shape = graph.shape(x)
    if len(shape) != 4 or shape[3] > 20:
        return None
    channels, window = graph.draw.whole(1, 8), graph.draw.whole(1, 3)
    reach = 1 / math.sqrt(window * window * shape[3])
    weights = graph.draw.tensor((channels, window, window, shape[3]), -reach, reach)
    inputs = Given(graph.operands[x], graph.values[x])
    bias = graph.draw.bias(inputs, weights, channels)
    walk = [graph.draw.scalar(1), graph.draw.scalar(graph.draw.whole(1, 2)), graph.draw.scalar(graph.draw.whole(1, 2))]
    return graph.apply(O.CONV_2D, x, weights, bias, *walk, graph.draw.activation())


def _pool(graph: Graph, x: int) -> list[int] | None:
    if len(graph.shape(x)) != 4:
        return None
    operation = graph.draw.choice((O.AVERAGE_POOL_2D, O.MAX_POOL_2D))
    window = graph.draw.whole(1, 3)
    numbers = [1, 1, 1, window, window]  # SAME padding, strides, filter
    return graph.apply(operation, x, *map(graph.draw.scalar, numbers), graph.draw.activation())


_STEPS: Sequence[Step] = (
    _unary, _with_constant, _with_another, _reshape, _transpose, _pad, _split, _concatenation,
    _softmax, _mean, _fully_connected, _conv_2d, _pool,
)  # fmt: skip
_CALMING: Sequence[Step] = (_unary, _mean, _reshape, _transpose, _split)
"""Steps that do not make large values larger."""


def _tensors(graph: Graph) -> list[int]:
    """The operands of the data type that are computed or given, not constants."""
    return [
        index
        for index, operand in enumerate(graph.operands)
        if operand.type is graph.draw.data_type and not operand.is_constant
    ]


def _grow(graph: Graph, count: int) -> None:
    """Add ``count`` operations, mostly where the graph ends, now and then somewhere before."""
    while len(graph.operations) < count:
        ends = graph.unread() or graph.inputs
        x = graph.draw.choice(ends if graph.draw.chance(0.7) else _tensors(graph))
        steps = _STEPS if graph.magnitude(x) <= _MAGNITUDE else _CALMING
        graph.draw.choice(steps)(graph, x)


def _acyclic(draw: Draw) -> tuple[Model, list[Array], Accuracy]:
    """Operations of one data type, with one or two inputs; sometimes what is read is an output as well."""
    graph = Graph(draw)
    for _ in range(draw.whole(1, 2)):
        graph.input(draw.tensor(draw.shape(least=2), -2, 2))
    count = draw.whole(3, 12)
    _grow(graph, count)
    outputs = graph.unread()
    outputs += [index for operation in graph.operations for index in operation.outputs if draw.chance(0.1)]
    outputs = list(dict.fromkeys(outputs))
    steps = 1
    if draw.data_type.has_scale:
        steps += max(step for _ in range(4) for step in wander(graph, outputs, draw.random))
    model = Model(graph.subgraph(outputs, forgetful=_FORGETFUL))
    return model, graph.input_values(), Accuracy(terms=_TERMS * count, steps=steps)


def _relaxed(draw: Draw) -> tuple[Model, list[Array], Accuracy]:
    """The same, allowed to be computed in float16."""
    model, inputs, accuracy = _acyclic(draw)
    return replace(model, relaxed=True), inputs, accuracy


def _branch(draw: Draw, likes: Sequence[Given], count: int) -> tuple[Subgraph, list[Array]]:
    """A subgraph over inputs like those given, with an output of the first one's type and dimensions."""
    graph = Graph(draw)
    inputs = [graph.input(each) for each in likes]
    x = inputs[0]
    for _ in range(count):
        if draw.chance() and graph.magnitude(x) < _MAGNITUDE:
            (x,) = graph.apply(draw.choice((O.ADD, O.SUB)), x, draw.choice(inputs), draw.activation())
        elif draw.chance():
            (x,) = graph.apply(O.MUL, x, draw.tensor((1,), -1, 1), draw.scalar(0))
        else:
            (x,) = graph.apply(draw.choice((O.RELU, O.TANH, O.LOGISTIC, O.NEG)), x)
    result = graph.values[x]
    assert result is not None
    return graph.subgraph([x]), [result]


def _alternatives(
    draw: Draw, referenced: list[Subgraph], likes: Sequence[Given]
) -> tuple[list[int], list[list[Array]]]:
    """Two subgraphs to choose between: their numbers, and the results of each."""
    numbers, results = [], []
    for _ in range(2):
        subgraph, values = _branch(draw, likes, draw.whole(1, 4))
        numbers.append(len(referenced))
        referenced.append(subgraph)
        results.append(values)
    return numbers, results


def _apply_if(graph: Graph, referenced: list[Subgraph], condition: int, arguments: Sequence[int]) -> int:
    """Add an IF with branches of its own; returns its result."""
    likes = [Given(graph.operands[index], graph.values[index]) for index in arguments]
    numbers, results = _alternatives(graph.draw, referenced, likes)
    value = graph.values[condition]
    assert value is not None
    chosen = results[0 if value.item() else 1]
    models = [graph.reference(number) for number in numbers]
    (result,) = graph.record(O.IF, [condition, *models, *arguments], [likes[0].operand], chosen)
    return result


def _if(draw: Draw) -> tuple[Model, list[Array], Accuracy]:
    """One IF over one to three tensors, whose condition is an input."""
    graph = Graph(draw)
    referenced: list[Subgraph] = []
    condition = graph.input(draw.tensor((1,), -1, 1, data_type=OperandType.TENSOR_BOOL8))
    shape = draw.shape()
    arguments = [graph.input(draw.tensor(shape, -2, 2)) for _ in range(draw.whole(1, 3))]
    result = _apply_if(graph, referenced, condition, arguments)
    return Model(graph.subgraph([result]), tuple(referenced)), graph.input_values(), Accuracy()


def _while_parts(
    draw: Draw, referenced: list[Subgraph], shape: tuple[int, ...], *, with_if: bool
) -> tuple[int, int, Given, Given]:
    """Condition and body of a loop over a counter, a limit that stays, and a tensor.

    Returns their numbers, and a counter and a tensor as the loop may begin with.
    """
    counter, limit = draw.integers([0]), draw.integers([0])
    tensor = draw.tensor(shape, -2, 2)
    condition = Graph(draw)
    compared = [condition.input(counter), condition.input(tensor), condition.input(limit)]
    (less,) = condition.apply(O.LESS, compared[0], compared[2])
    body = Graph(draw)
    count, x, _ = body.input(counter), body.input(tensor), body.input(limit)
    (following,) = body.apply(O.ADD, count, draw.integers([1]), draw.scalar(0))
    for _ in range(draw.whole(1, 3)):
        if draw.chance():
            (x,) = body.apply(O.MUL, x, draw.tensor((1,), -1, 1), draw.scalar(0))
        else:
            (x,) = body.apply(draw.choice((O.TANH, O.LOGISTIC, O.NEG)), x)
    if with_if:
        (odd,) = body.apply(O.GREATER, following, draw.integers([draw.whole(1, 3)]))
        x = _apply_if(body, referenced, odd, [x])
    numbers = len(referenced), len(referenced) + 1
    referenced += [condition.subgraph([less]), body.subgraph([following, x])]
    return (*numbers, counter, tensor)


def _while(draw: Draw, *, with_if: bool = False) -> tuple[Model, list[Array], Accuracy]:
    """One WHILE of up to five rounds, maybe none, sometimes with an IF within or operations around."""
    graph = Graph(draw)
    referenced: list[Subgraph] = []
    condition, body, counter, tensor = _while_parts(draw, referenced, draw.shape(), with_if=with_if)
    rounds = draw.integers([draw.whole(0, 5)], is_constant=False)
    inputs = [graph.input(counter), graph.input(tensor), graph.input(rounds)]
    models = [graph.reference(condition), graph.reference(body)]
    results = [counter, tensor]
    outputs = graph.record(
        O.WHILE, [*models, *inputs], [each.operand for each in results], [_value(each) for each in results]
    )
    return Model(graph.subgraph(outputs), tuple(referenced)), graph.input_values(), Accuracy(terms=_TERMS)


def _value(each: Given) -> Array:
    assert each.value is not None
    return each.value


def _nested(draw: Draw) -> tuple[Model, list[Array], Accuracy]:
    """A WHILE with an IF in its body."""
    return _while(draw, with_if=True)


Maker = Callable[[Draw], "tuple[Model, list[Array], Accuracy]"]

_KINDS: Mapping[str, tuple[Maker, OperandType, Subject | None]] = {
    **{
        f"graph/{data_type.name}": (_acyclic, data_type, None)
        for data_type in (*_FLOATS, OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED)
    },
    "IF": (_if, OperandType.TENSOR_FLOAT32, Subject(O.IF, OperandType.TENSOR_BOOL8)),
    "WHILE": (_while, OperandType.TENSOR_FLOAT32, Subject(O.WHILE, OperandType.MODEL)),
    "graph/nested": (_nested, OperandType.TENSOR_FLOAT32, None),
    "graph/relaxed": (_relaxed, OperandType.TENSOR_FLOAT32, None),
}


def graph_case(kind: str, seed: int) -> Case:
    """The case of this kind that ``seed`` makes."""
    maker, data_type, _ = _KINDS[kind]
    draw = Draw(np.random.default_rng([seed, list(_KINDS).index(kind)]), data_type)
    model, inputs, accuracy = maker(draw)
    return Case(_name(kind, seed), model, tuple(inputs), expected=None, accuracy=accuracy)


def _name(kind: str, seed: int) -> str:
    return f"generated/{kind}/seed{seed}"


def graph_trials(seeds: Sequence[int], modes: Sequence[Mode]) -> Iterator[CaseTrial]:
    """A trial for each kind of graph and seed in each mode but SIGNED."""
    for kind, (_, _, subject) in _KINDS.items():
        for seed in seeds:
            for mode in modes:
                if mode is not Mode.SIGNED:
                    yield CaseTrial("generated", _name(kind, seed), mode.value, subject, _maker(kind, seed))


def _maker(kind: str, seed: int) -> Callable[[], Case]:
    return lambda: graph_case(kind, seed)
