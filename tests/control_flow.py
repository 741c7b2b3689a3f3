"""Models with IF and WHILE, for tests."""

import numpy as np

from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.support import constant

IN, OUT, TEMPORARY = Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT, Lifetime.TEMPORARY_VARIABLE


def boolean(lifetime, dimensions=(1,)):
    return Operand(T.TENSOR_BOOL8, dimensions, lifetime=lifetime)


def real(lifetime, dimensions=(2,)):
    return Operand(T.TENSOR_FLOAT32, dimensions, lifetime=lifetime)


def subgraph_reference(number):
    return Operand(T.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=number)


def added(value, dimensions=(2,)):
    """x -> x + value"""
    return Subgraph(
        (real(IN, dimensions), constant(np.array([value], np.float32)), constant(0), real(OUT, dimensions)),
        (Operation(O.ADD, (0, 1, 2), (3,)),),
        (0,),
        (3,),
    )


def choice(then=None, otherwise=None):
    """(condition, x) -> x + 1 if condition else x - 1"""
    main = Subgraph(
        (boolean(IN), subgraph_reference(0), subgraph_reference(1), real(IN), real(OUT)),
        (Operation(O.IF, (0, 1, 2, 3), (4,)),),
        (0, 3),
        (4,),
    )
    return Model(main, (then or added(1.0), otherwise or added(-1.0)))


def below(limit, dimensions=(2,)):
    """(count, x) -> count < limit"""
    return Subgraph(
        (real(IN, (1,)), real(IN, dimensions), constant(np.array([limit], np.float32)), boolean(OUT)),
        (Operation(O.LESS, (0, 2), (3,)),),
        (0, 1),
        (3,),
    )


def doubled():
    """(count, x) -> count + 1, x + x"""
    return Subgraph(
        (
            real(IN, (1,)),
            real(IN),
            constant(np.array([1], np.float32)),
            constant(0),
            real(OUT, (1,)),
            real(OUT),
        ),
        (Operation(O.ADD, (0, 2, 3), (4,)), Operation(O.ADD, (1, 1, 3), (5,))),
        (0, 1),
        (4, 5),
    )


def repeated():
    """(count, x) -> count + 1, x followed by x: it grows"""
    return Subgraph(
        (
            real(IN, (1,)),
            real(IN, (0,)),
            constant(np.array([1], np.float32)),
            constant(0),
            real(OUT, (1,)),
            real(OUT, (0,)),
        ),
        (Operation(O.ADD, (0, 2, 3), (4,)), Operation(O.CONCATENATION, (1, 1, 3), (5,))),
        (0, 1),
        (4, 5),
    )


def loop(limit=3.0, body=None, dimensions=(2,)):
    """(count, x) -> count and x after the loop."""
    main = Subgraph(
        (
            subgraph_reference(0),
            subgraph_reference(1),
            real(IN, (1,)),
            real(IN, (2,)),
            real(OUT, (1,)),
            real(OUT, dimensions),
        ),
        (Operation(O.WHILE, (0, 1, 2, 3), (4, 5)),),
        (2, 3),
        (4, 5),
    )
    return Model(main, (below(limit, dimensions), body or doubled()))
