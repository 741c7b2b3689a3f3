"""A model of one operation, made of the operands that a generator has drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    Parameter,
    UnknownValueError,
    evaluate,
    tensor_spec,
)
from hal.types import OperandType, OperationType
from tools.conformance.generated.draw import Draw, Given, float32, suiting

_UNKNOWN_SIZES, _UNKNOWN_RANK, _RELAXED = 1 / 8, 1 / 24, 1 / 4
"""How often a model leaves its inputs' dimensions open, or even their rank, or allows float16 precision."""

Quantization = tuple[float, int]


def assembled(
    operation_type: OperationType, draw: Draw, operands: Sequence[Given], *, all_known: bool = False
) -> tuple[Model, tuple[Array | None, ...]]:
    """The model, and the values of its inputs. ``all_known``: no dimensions are left open."""
    declaration = DECLARATIONS[operation_type]
    relaxed = draw.data_type is OperandType.TENSOR_FLOAT32 and draw.chance(_RELAXED)
    if relaxed:
        operands = [held_by_float16(each) for each in operands]
    dimensions_known = all_known or not draw.chance(_UNKNOWN_SIZES)
    rank_known = all_known or not draw.chance(_UNKNOWN_RANK)
    placed, inputs, values = [], [], []
    for index, each in enumerate(operands):
        if each.value is None:
            placed.append(each.operand)
        elif each.is_constant:
            value = np.ascontiguousarray(each.value).reshape(each.value.shape)
            placed.append(replace(each.operand, lifetime=Lifetime.CONSTANT_COPY, value=value))
        else:
            dimensions = each.operand.dimensions
            if each.operand.per_channel is None:
                dimensions = _forgotten(dimensions, dimensions_known, rank_known)
            placed.append(replace(each.operand, lifetime=Lifetime.SUBGRAPH_INPUT, dimensions=dimensions))
            inputs.append(index)
            values.append(each.value)
    results = [
        replace(operand, dimensions=_forgotten(operand.dimensions, dimensions_known, True))
        for operand in results_of(declaration, draw, operands)
    ]
    outputs = tuple(range(len(placed), len(placed) + len(results)))
    operation = Operation(operation_type, tuple(range(len(placed))), outputs)
    main = Subgraph((*placed, *results), (operation,), tuple(inputs), outputs)
    return Model(main, relaxed=relaxed), tuple(values)


def held_by_float16(each: Given) -> Given:
    """A relaxed model's operand: a driver may begin with rounding float32 to float16, and the answer stays the same."""
    if each.value is None or each.value.dtype != np.float32:
        return each
    return replace(each, value=each.value.astype(np.float16).astype(np.float32))


def _forgotten(dimensions: Dimensions, sizes_known: bool, rank_known: bool) -> Dimensions:
    if not rank_known:
        return ()
    return dimensions if sizes_known else (0,) * len(dimensions)


def results_of(declaration: Declaration, draw: Draw, operands: Sequence[Given]) -> list[Operand]:
    """Operands for the operation's results: types drawn, dimensions and scales as they must be or suit the values."""
    inputs = [each.operand for each in operands]
    values = [each.value for each in operands]
    arguments = declaration.bind(inputs, values)
    types: list[OperandType] = []
    dimensions: Sequence[Dimensions]
    try:
        dimensions = declaration.infer(arguments)[: draw.results]
        types = _types(declaration, draw, arguments.data_type, len(dimensions))
    except UnknownValueError:  # the values decide
        types = _types(declaration, draw, arguments.data_type, len(declaration.outputs))
        provisional = [Operand(each, (), *_any_quantization(each)) for each in types]
        dimensions = [result.shape for result in evaluate(declaration, inputs, values, provisional)]
    results = [Operand(each, size, lifetime=Lifetime.SUBGRAPH_OUTPUT) for each, size in zip(types, dimensions)]
    options = _quantizations(declaration, draw, operands, results)
    for chosen in itertools.product(*options):
        quantized = [
            replace(operand, scale=scale, zero_point=zero_point)
            for operand, (scale, zero_point) in zip(results, chosen)
        ]
        if _is_allowed(declaration, arguments, quantized):
            return quantized
    raise BadDataError(f"no scales that were tried suit the outputs of {declaration.type.name}")


def _types(declaration: Declaration, draw: Draw, data_type: OperandType, count: int) -> list[OperandType]:
    def parameter(position: int) -> Parameter:
        return declaration.outputs[min(position, len(declaration.outputs) - 1)]

    return [draw.choice(sorted(parameter(position).accepts(data_type))) for position in range(count)]


def _quantizations(
    declaration: Declaration, draw: Draw, operands: Sequence[Given], results: Sequence[Operand]
) -> list[list[Quantization]]:
    """For each result the scales and zero points that may be tried: free ones first, those that NNAPI fixes after."""
    quantized = [
        operand.type for operand in results if isinstance(operand.type, OperandType) and operand.type.has_scale
    ]
    if not quantized:
        return [[(0.0, 0)] for _ in results]
    floating = [replace(operand, type=OperandType.TENSOR_FLOAT32) for operand in results]
    real: Sequence[Array] = [np.array([-4.0, 4.0])] * len(results)
    if not declaration.stored:
        real = evaluate(declaration, [each.operand for each in operands], [each.value for each in operands], floating)
    given = [each.operand for each in operands if each.value is not None]
    return [_candidates(draw, OperandType(operand.type), values, given) for operand, values in zip(results, real)]


def _candidates(draw: Draw, operand_type: OperandType, values: Array, given: Sequence[Operand]) -> list[Quantization]:
    if not operand_type.has_scale:
        return [(0.0, 0)]
    finite = values[np.isfinite(values)].astype(np.float64)
    stretch = draw.between(0.7, 1.4)
    low, high = finite.min(initial=0.0) * stretch, finite.max(initial=0.0) * stretch
    middle = {OperandType.TENSOR_QUANT8_ASYMM: 128}.get(operand_type, 0)
    least = operand_type.zero_points[0]
    fixed = [(1 / 256, least), (1 / 128, middle), (0.125, 0), (1.0, 0)]
    same = [(operand.scale, operand.zero_point) for operand in given if operand.type is operand_type]
    return list(dict.fromkeys([suiting(operand_type, low, high), *same, *fixed]))


def _any_quantization(operand_type: OperandType) -> Quantization:
    return (float32(0.1), 0) if operand_type.has_scale else (0.0, 0)


def _is_allowed(declaration: Declaration, arguments: Arguments, results: Sequence[Operand]) -> bool:
    if any(isinstance(each.type, OperandType) and each.type.has_scale and each.scale <= 0 for each in results):
        return False
    if declaration.check is None:
        return True
    try:
        declaration.check(arguments, tuple(tensor_spec(operand) for operand in results))
    except BadDataError:
        return False
    return True
