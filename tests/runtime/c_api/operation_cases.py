"""Operations that NNAPI takes as they stand here, and what may change in them without making them wrong.

A case says no more than NNAPI's documentation of its operation: types and counts of inputs and outputs, and the ranks
that some of them may have. Dimensions need not fit each other: that shows only when the operation is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hal.types import OperandType as T
from hal.types import OperationType as O

Dimensions = tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """An operand: type, dimensions, scale, zero point, and per-channel scales with their dimension."""

    type: int
    dimensions: Dimensions = ()
    scale: float = 0.0
    zero_point: int = 0
    channel_dim: int | None = None
    scales: tuple[float, ...] = ()


@dataclass(frozen=True)
class Ranks:
    """The operands at ``positions`` may together have any rank from ``least`` to ``most``."""

    positions: tuple[int, ...]
    least: int
    most: int


@dataclass(frozen=True)
class Case:
    """One operation as NNAPI takes it.

    ``inputs_also``, ``outputs_also``: types that the operand at a position may have as well, by the documentation,
    while all others stay as they are; None for any type. ``more_inputs``: how many inputs more than these are always
    too many. ``more_outputs``: how many more outputs the operation may have.
    """

    name: str
    operation: O
    inputs: tuple[Given, ...]
    outputs: tuple[Given, ...]
    ranks: tuple[Ranks, ...] = ()
    inputs_also: dict[int, frozenset[int] | None] = field(default_factory=dict)
    outputs_also: dict[int, frozenset[int]] = field(default_factory=dict)
    more_inputs: int = 5
    more_outputs: frozenset[int] = frozenset()


FLOATS = (T.TENSOR_FLOAT16, T.TENSOR_FLOAT32)
QUANT8 = (T.TENSOR_QUANT8_ASYMM, T.TENSOR_QUANT8_ASYMM_SIGNED)
MOST = (*FLOATS, *QUANT8)
ALL = (*MOST, T.TENSOR_INT32)
INT, BOOL, FLOAT = Given(T.INT32), Given(T.BOOL), Given(T.FLOAT32)
CUBE = (2, 2, 2, 2)
PER_CHANNEL = T.TENSOR_QUANT8_SYMM_PER_CHANNEL


def given(operand_type: int, *dimensions: int) -> Given:
    """An operand whose scale is 1/256 where its type has one."""
    scaled = isinstance(operand_type, T) and operand_type.has_scale
    return Given(operand_type, dimensions, 1 / 256 if scaled else 0.0)


def ints(*dimensions: int) -> Given:
    """A tensor of integers."""
    return Given(T.TENSOR_INT32, dimensions)


def real(operand_type: T) -> Given:
    """A scalar in the precision of a tensor's type."""
    return Given(T.FLOAT16) if operand_type is T.TENSOR_FLOAT16 else FLOAT


def case(
    operation: O,
    label: str,
    inputs: Sequence[Given],
    outputs: Sequence[Given],
    *ranks: Ranks,
    inputs_also: dict[int, frozenset[int] | None] | None = None,
    outputs_also: dict[int, frozenset[int]] | None = None,
    more_inputs: int = 5,
    more_outputs: Sequence[int] = (),
) -> Case:
    """A case, named after its operation and what distinguishes it from others of the same."""
    return Case(
        f"{operation.name}-{label}",
        operation,
        tuple(inputs),
        tuple(outputs),
        ranks,
        inputs_also or {},
        outputs_also or {},
        more_inputs,
        frozenset(more_outputs),
    )


def up_to_4(*positions: int) -> Ranks:
    """Ranks from 1 to 4, of the first input unless said otherwise."""
    return Ranks(positions or (0,), 1, 4)


def cases() -> Iterator[Case]:
    """Every case."""
    yield from _element_by_element()
    yield from _activations()
    yield from _reductions()
    yield from _movements()
    yield from _conversions()
    yield from _images()
    yield from _convolutions()
    yield from _normalizations()
    yield from _tables()
    yield from _regions()
    yield from _recurrent()
    yield from _lstms()
    yield from _others()


def _element_by_element() -> Iterator[Case]:
    for operation, types in {O.ADD: ALL, O.MUL: ALL, O.SUB: ALL, O.DIV: (*FLOATS, T.TENSOR_INT32)}.items():
        for each in types:
            a = given(each, *CUBE)
            yield case(operation, each.name, [a, a, INT], [a], up_to_4(0), up_to_4(1))
    for operation, types in {O.MAXIMUM: ALL, O.MINIMUM: ALL, O.POW: FLOATS}.items():
        for each in types:
            a = given(each, 2, 2, 2, 2, 2)
            yield case(operation, each.name, [a, a], [a])
    for operation in (O.LESS, O.LESS_EQUAL, O.EQUAL, O.NOT_EQUAL, O.GREATER, O.GREATER_EQUAL):
        for each in (*ALL, T.TENSOR_BOOL8):
            a = given(each, *CUBE)
            yield case(operation, each.name, [a, a], [given(T.TENSOR_BOOL8, *CUBE)])
    truth = given(T.TENSOR_BOOL8, *CUBE)
    for operation in (O.LOGICAL_AND, O.LOGICAL_OR):
        yield case(operation, "bool", [truth, truth], [truth])
    for each in ALL:
        a = given(each, *CUBE)
        yield case(O.SELECT, each.name, [truth, a, a], [a])
    for each in MOST:
        a = given(each, 1, 2, 2, 3)
        yield case(O.PRELU, each.name, [a, given(each, 1, 1, 3)], [a])


def _activations() -> Iterator[Case]:
    integers = (*FLOATS, T.TENSOR_INT32)
    bounded = {O.FLOOR: FLOATS, O.LOGISTIC: MOST, O.RELU: MOST, O.RELU1: MOST, O.RELU6: MOST, O.TANH: MOST}
    unbounded = {
        **{O.ABS: integers, O.NEG: integers, O.EXP: FLOATS, O.LOG: FLOATS, O.RSQRT: MOST, O.SIN: FLOATS},
        **{O.SQRT: FLOATS, O.LOGICAL_NOT: (T.TENSOR_BOOL8,), O.HARD_SWISH: MOST},
    }
    for operation, types in {**bounded, **unbounded}.items():
        for each in types:
            a = given(each, *CUBE)
            yield case(operation, each.name, [a], [a], *((up_to_4(),) if operation in bounded else ()))
    for each in FLOATS:
        a = given(each, *CUBE)
        yield case(O.ELU, each.name, [a, real(each)], [a])
        a = given(each, 2, 2, 2)
        yield case(O.LOG_SOFTMAX, each.name, [a, real(each), INT], [a])
    for each in MOST:
        a = given(each, *CUBE)
        yield case(O.SOFTMAX, each.name, [a, real(each)], [a], up_to_4(), more_inputs=5)
        yield case(O.SOFTMAX, f"{each.name}-axis", [a, real(each), INT], [a], up_to_4())


def _reductions() -> Iterator[Case]:
    for each in MOST:
        a = given(each, 2, 2, 2)
        yield case(O.MEAN, each.name, [a, ints(2), INT], [a], up_to_4())
    boolean = (T.TENSOR_BOOL8,)
    reductions = {O.REDUCE_PROD: FLOATS, O.REDUCE_SUM: FLOATS, O.REDUCE_MAX: MOST, O.REDUCE_MIN: MOST}
    for operation, types in {**reductions, O.REDUCE_ANY: boolean, O.REDUCE_ALL: boolean}.items():
        for each in types:
            a = given(each, *CUBE)
            yield case(operation, each.name, [a, ints(2), BOOL], [a], up_to_4())
    for operation in (O.ARGMIN, O.ARGMAX):
        for each in ALL:
            also: dict[int, frozenset[int] | None] = {0: frozenset(ALL)}
            yield case(operation, each.name, [given(each, *CUBE), INT], [ints(2, 2, 2)], inputs_also=also)
    for each in ALL:
        values = given(each, 4, 5, 6, 3)
        yield case(O.TOPK_V2, each.name, [given(each, 4, 5, 6, 7), INT], [values, ints(4, 5, 6, 3)])


def _movements() -> Iterator[Case]:
    for each in ALL:
        a = given(each, *CUBE)
        yield case(O.EXPAND_DIMS, each.name, [a, INT], [given(each, 2, 2, 2, 2, 2)])
        yield case(O.GATHER, each.name, [a, INT, ints(*CUBE)], [given(each, *[2] * 7)])
        yield case(O.TILE, each.name, [a, ints(4)], [given(each, *[2] * 8)])
        part = given(each, 2, 2)
        yield case(O.SPLIT, each.name, [a, INT, INT], [part, part], more_outputs=range(1, 7))
        yield case(O.RESHAPE, each.name, [given(each, 2, 3, 4), ints(2)], [given(each, 4, 6)], up_to_4())
        yield case(O.SLICE, each.name, [given(each, 3, 3, 3), ints(3), ints(3)], [given(each, 1, 2, 3)])
        padded = given(each, 4, 3, 4, 3)
        yield case(O.MIRROR_PAD, each.name, [a, ints(4, 2), INT], [padded])
        for axis in range(4):
            for count in (1, 2):
                shape = [4, 5, 6]
                shape.insert(axis, count)
                label = f"{each.name}-axis{axis}-of{count}"
                yield case(O.PACK, label, [INT, *[given(each, 4, 5, 6)] * count], [given(each, *shape)])
        yield case(O.REVERSE, each.name, [given(each, 4, 5, 6), ints(0)], [given(each, 4, 5, 6)])
    for each in MOST:
        a, padded = given(each, *CUBE), given(each, 4, 3, 4, 3)
        yield case(O.PAD, each.name, [a, ints(4, 2)], [padded], up_to_4())
        value = INT if each in QUANT8 else real(each)
        yield case(O.PAD_V2, each.name, [a, ints(4), value], [padded], up_to_4())
        yield case(O.TRANSPOSE, each.name, [a, ints(4)], [a], up_to_4())
        yield case(O.SQUEEZE, each.name, [a, ints(4)], [a], up_to_4())
        square = given(each, 5, 5)
        masks = [INT, INT, INT]
        strided = [square, ints(2), ints(2), ints(2), *masks]
        yield case(O.STRIDED_SLICE, each.name, strided, [square], up_to_4())
        yield case(O.CONCATENATION, f"{each.name}-of2", [square, square, INT], [square], up_to_4(0, 1))
        yield case(O.CONCATENATION, f"{each.name}-of1", [square, INT], [square], up_to_4())
        grouped = given(each, 2, 2)
        yield case(O.CHANNEL_SHUFFLE, each.name, [grouped, INT, INT], [grouped], up_to_4())
    for scalar, each in ((T.FLOAT16, T.TENSOR_FLOAT16), (T.FLOAT32, T.TENSOR_FLOAT32), (T.INT32, T.TENSOR_INT32)):
        yield case(O.FILL, each.name, [ints(3), Given(scalar)], [given(each, 3, 4, 5)])


def _conversions() -> Iterator[Case]:
    quantized = (*QUANT8, T.TENSOR_QUANT8_SYMM, PER_CHANNEL)
    for source in quantized:
        for target in FLOATS:
            yield case(
                O.DEQUANTIZE,
                f"{source.name}-{target.name}",
                [given(source, *CUBE)],
                [given(target, *CUBE)],
                up_to_4(),
                inputs_also={0: frozenset(quantized)},
                outputs_also={0: frozenset(FLOATS)},
            )
    for source in FLOATS:
        for target in QUANT8:
            yield case(
                O.QUANTIZE,
                f"{source.name}-{target.name}",
                [given(source, *CUBE)],
                [Given(target, CUBE, 1.0)],
                inputs_also={0: frozenset(FLOATS)},
                outputs_also={0: frozenset(QUANT8)},
            )
    convertible = (*FLOATS, T.TENSOR_INT32, T.TENSOR_QUANT8_ASYMM)
    to_itself = (
        *(T.TENSOR_QUANT16_SYMM, T.TENSOR_BOOL8, T.TENSOR_QUANT16_ASYMM, T.TENSOR_QUANT8_SYMM),
        T.TENSOR_QUANT8_ASYMM_SIGNED,
    )
    pairs = [(source, target) for source in convertible for target in convertible]
    for source, target in [*pairs, *((each, each) for each in to_itself)]:
        yield case(
            O.CAST,
            f"{source.name}-{target.name}",
            [given(source, 2, 2, 2)],
            [given(target, 2, 2, 2)],
            inputs_also={0: frozenset((*convertible, T.TENSOR_QUANT8_ASYMM_SIGNED))},
            outputs_also={0: frozenset(convertible)},
        )


def _images() -> Iterator[Case]:
    for operation, types in {O.AVERAGE_POOL_2D: MOST, O.MAX_POOL_2D: MOST, O.L2_POOL_2D: FLOATS}.items():
        for each in types:
            a = given(each, 2, 4, 4, 2)
            for label, scalars in {"explicit": [INT] * 9, "implicit": [INT] * 6}.items():
                yield case(operation, f"{each.name}-{label}", [a, *scalars], [a])
                yield case(operation, f"{each.name}-{label}-layout", [a, *scalars, BOOL], [a])
    for each in MOST:
        a = given(each, *CUBE)
        blocks = {
            **{O.SPACE_TO_DEPTH: [INT], O.DEPTH_TO_SPACE: [INT], O.BATCH_TO_SPACE_ND: [ints(2)]},
            O.SPACE_TO_BATCH_ND: [ints(2), ints(2)],
        }
        for operation, others in blocks.items():
            yield case(operation, each.name, [a, *others], [a])
            yield case(operation, f"{each.name}-layout", [a, *others, BOOL], [a])
        for size in (INT, real(each)):
            label = f"{each.name}-{T(size.type).name}"
            yield case(O.RESIZE_BILINEAR, label, [a, size, size], [a])
            yield case(O.RESIZE_BILINEAR, f"{label}-layout", [a, size, size, BOOL], [a])
            one = given(each, 1, 1, 1, 1)
            yield case(O.RESIZE_NEAREST_NEIGHBOR, label, [given(each, 1, 2, 2, 1), size, size, BOOL], [one])


def _filters(shape: Dimensions, channel_dim: int) -> Iterator[tuple[T, Given]]:
    """What a convolution takes: the type of its input, and its filter."""
    for each in MOST:
        yield each, given(each, *shape)
    for each in QUANT8:
        yield each, Given(PER_CHANNEL, shape, channel_dim=channel_dim, scales=(0.5, 1.0))


def _bias(input_type: T, filter_type: int) -> Given:
    if input_type not in QUANT8:
        return given(input_type, 2)
    return Given(T.TENSOR_INT32, (2,), 0.0 if filter_type == PER_CHANNEL else 0.25)


def _filter_types(input_type: T) -> dict[int, frozenset[int] | None]:
    """What a filter, input 1, may be: of its input's type or, with a quantised input, quantised by channel."""
    return {1: frozenset({input_type, PER_CHANNEL})} if input_type in QUANT8 else {}


def _convolutions() -> Iterator[Case]:
    for each, weights in _filters((2, 4, 4, 2), 0):
        a, label = given(each, 2, 4, 4, 2), f"{each.name}-{T(weights.type).name}"
        operands = [a, weights, _bias(each, weights.type)]
        for padding, scalars in {"explicit": [INT] * 7, "implicit": [INT] * 4}.items():
            ranks = (Ranks((0, 1), 4, 4),) if padding == "implicit" else ()
            for tail, more in {"": [], "-layout": [BOOL], "-dilation": [BOOL, INT, INT]}.items():
                also = _filter_types(each)
                if len(operands + scalars + more) == 10:
                    also[7] = frozenset({T.INT32, T.BOOL})  # the first explicit stride, or a layout
                yield case(
                    O.CONV_2D,
                    f"{label}-{padding}{tail}",
                    [*operands, *scalars, *more],
                    [a],
                    *(ranks if not tail else ()),
                    inputs_also=also,
                )
    for each, weights in _filters((1, 2, 2, 2), 3):
        a, label = given(each, 1, 2, 2, 2), f"{each.name}-{T(weights.type).name}"
        operands = [a, weights, _bias(each, weights.type)]
        for padding, scalars in {"explicit": [INT] * 8, "implicit": [INT] * 5}.items():
            for tail, more in {"": [], "-layout": [BOOL], "-dilation": [BOOL, INT, INT]}.items():
                also = _filter_types(each)
                if len(operands + scalars + more) == 11:
                    also[8] = frozenset({T.INT32, T.BOOL})
                inputs = [*operands, *scalars, *more]
                yield case(O.DEPTHWISE_CONV_2D, f"{label}-{padding}{tail}", inputs, [a], inputs_also=also)
    for each, weights in _filters((2, 2, 2, 1), 0):
        a, label = given(each, 1, 3, 3, 2), f"{each.name}-{T(weights.type).name}"
        operands = [a, weights, _bias(each, weights.type)]
        for padding, scalars in {"explicit": [INT] * 8, "implicit": [INT] * 5}.items():
            inputs = [*operands, *scalars, BOOL]
            result, also = given(each, 1, 2, 2, 2), _filter_types(each)
            yield case(O.GROUPED_CONV_2D, f"{label}-{padding}", inputs, [result], inputs_also=also)
    for each, weights in _filters((2, 3, 3, 1), 0):
        a, label = given(each, 1, 2, 2, 2), f"{each.name}-{T(weights.type).name}"
        operands = [a, weights, _bias(each, weights.type)]
        for padding, others in {"explicit": [INT] * 7, "implicit": [ints(4), *[INT] * 4]}.items():
            yield case(
                O.TRANSPOSE_CONV_2D,
                f"{label}-{padding}",
                [*operands, *others, BOOL],
                [given(each, 1, 5, 5, 2)],
                inputs_also=_filter_types(each),
            )
    for each in MOST:
        a = given(each, 5, 5)
        bias = Given(T.TENSOR_INT32, (5,), 0.25) if each in QUANT8 else given(each, 5)
        ranks = (Ranks((0,), 2, 4), Ranks((1,), 2, 2), Ranks((2,), 1, 1))
        yield case(O.FULLY_CONNECTED, each.name, [a, a, bias, INT], [a], *ranks)
    for each in (*FLOATS, T.TENSOR_INT32, T.TENSOR_QUANT8_ASYMM_SIGNED):
        left, right, product = given(each, 1, 2, 3), given(each, 1, 3, 4), given(each, 1, 2, 4)
        yield case(O.BATCH_MATMUL, each.name, [left, right, BOOL, BOOL], [product])


def _normalizations() -> Iterator[Case]:
    for each in MOST:
        a = given(each, *CUBE)
        yield case(O.L2_NORMALIZATION, each.name, [a], [a])
        yield case(O.L2_NORMALIZATION, f"{each.name}-axis", [a, INT], [a], up_to_4())
    for each in FLOATS:
        a, number = given(each, 2, 2, 2, 6), real(each)
        numbers = [INT, number, number, number]
        yield case(O.LOCAL_RESPONSE_NORMALIZATION, each.name, [a, *numbers], [a], up_to_4())
        yield case(O.LOCAL_RESPONSE_NORMALIZATION, f"{each.name}-axis", [a, *numbers, INT], [a], up_to_4())
        a = given(each, 4, 4, 4, 4)
        yield case(O.INSTANCE_NORMALIZATION, each.name, [a, number, number, number, BOOL], [a])


def _tables() -> Iterator[Case]:
    for each in (T.TENSOR_FLOAT32, T.TENSOR_INT32, *QUANT8):
        a = given(each, 5, 5)
        yield case(O.EMBEDDING_LOOKUP, each.name, [ints(5), a], [a])
    for each in (T.TENSOR_FLOAT32, T.TENSOR_INT32, T.TENSOR_QUANT8_ASYMM):
        a, hits = given(each, 5, 5), Given(T.TENSOR_QUANT8_ASYMM, (5,), 1.0)
        yield case(O.HASHTABLE_LOOKUP, each.name, [ints(5), ints(5), a], [a, hits])
    for each in (*FLOATS, T.TENSOR_QUANT8_ASYMM, T.TENSOR_INT32):
        for weights in FLOATS:
            yield case(
                O.LSH_PROJECTION,
                f"{each.name}-{weights.name}",
                [given(weights, 5, 5), given(each, 5, 5), given(weights, 5), INT],
                [ints(5)],
                inputs_also={1: None},
            )


def _regions() -> Iterator[Case]:
    quantized = [(each, T.TENSOR_QUANT16_ASYMM) for each in QUANT8]
    for each, region in [*((each, each) for each in FLOATS), *quantized]:
        number = real(each)
        image, pooled = given(each, 1, 4, 4, 1), given(each, 4, 2, 2, 1)
        head = [image, given(region, 4, 4), ints(1), INT, INT, number, number]
        yield case(O.ROI_ALIGN, each.name, [*head, INT, INT, BOOL], [pooled])
        yield case(O.ROI_POOLING, each.name, [*head, BOOL], [pooled])
        heat = [given(each, 6, 4, 4, 1), given(region, 6, 4), BOOL]
        yield case(O.HEATMAP_MAX_KEYPOINT, each.name, heat, [given(each, 6, 1), given(region, 6, 1, 2)])
        boxes = [given(region, 5, 4), given(each, 5, 8), ints(5), given(region, 5, 2)]
        also: dict[int, frozenset[int] | None] = {1: frozenset(QUANT8)} if each in QUANT8 else {}
        yield case(O.AXIS_ALIGNED_BBOX_TRANSFORM, each.name, boxes, [given(region, 5, 8)], inputs_also=also)
        suppressed = [given(each, 19, 3), given(region, 19, 12), ints(2), number, INT, INT, number, number, number]
        left = [given(each, 12), given(region, 12, 4), ints(12), ints(2)]
        yield case(O.BOX_WITH_NMS_LIMIT, each.name, suppressed, left)
        anchors = T.TENSOR_QUANT16_SYMM if each in QUANT8 else each
        proposing = [
            *(given(each, 1, 2, 2, 2), given(each, 1, 2, 2, 8), given(anchors, 2, 4), given(region, 1, 2)),
            *(number, number, INT, INT, number, number, BOOL),
        ]
        yield case(O.GENERATE_PROPOSALS, each.name, proposing, [given(each, 4), given(region, 4, 4), ints(1)])
    for each in FLOATS:
        number = real(each)
        detecting = [
            *(given(each, 2, 10, 5), given(each, 2, 10, 4), given(each, 10, 4), number, number, number, number),
            *(BOOL, INT, INT, INT, number, number, BOOL),
        ]
        found = [given(each, 2, 5), given(each, 2, 5, 4), ints(2, 5), ints(2)]
        yield case(O.DETECTION_POSTPROCESSING, each.name, detecting, found)


def _recurrent() -> Iterator[Case]:
    for each in FLOATS:
        a, bias = given(each, 5, 5), given(each, 5)
        yield case(O.RNN, each.name, [a, a, a, bias, a, INT], [a, a])
        yield case(O.SVDF, each.name, [a, a, a, bias, a, INT, INT], [a, a])
        steps, weights, recurrent = given(each, 3, 2, 4), given(each, 4, 5), given(each, 5, 5)
        bias, state = given(each, 5), given(each, 2, 5)
        direction = [weights, recurrent, bias, state]
        yield case(
            O.BIDIRECTIONAL_SEQUENCE_RNN,
            each.name,
            [steps, *direction, *direction, steps, weights, weights, INT, BOOL, BOOL],
            [state, state],
            more_outputs=(1, 2, 3),
        )
        yield case(O.UNIDIRECTIONAL_SEQUENCE_RNN, each.name, [steps, *direction, INT, INT], [state], more_outputs=(1,))


def _lstms() -> Iterator[Case]:
    for each in FLOATS:
        a, diagonal, number = given(each, 5, 5), given(each, 5), real(each)
        cell = [*[a] * 8, *[diagonal] * 7, a, diagonal, a, a]  # weights, gates, projection, states
        inputs = [a, *cell, INT, number, number]
        yield case(O.LSTM, each.name, inputs, [a, a, a, a], more_inputs=3)
        yield case(O.LSTM, f"{each.name}-normalized", [*inputs, *[diagonal] * 4], [a, a, a, a], more_inputs=3)
        steps = given(each, 5, 5, 5)
        both = [steps, *cell, *cell, steps, *[a] * 8, INT, number, number, BOOL, BOOL, *[diagonal] * 8]
        yield case(O.BIDIRECTIONAL_SEQUENCE_LSTM, each.name, both, [a, a], more_outputs=range(1, 6))
        units, size, outputs = 4, 5, 6
        weights, recurrent, gate = given(each, units, size), given(each, units, outputs), given(each, units)
        projection = [given(each, outputs, units), given(each, outputs)]
        states = [given(each, 3, outputs), given(each, 3, units)]
        sequence = [
            *(given(each, 2, 3, size), *[weights] * 4, *[recurrent] * 4, *[gate] * 7, *projection, *states),
            *(INT, number, number, BOOL, *[gate] * 4),
        ]
        result = [given(each, 2, 3, outputs)]
        yield case(O.UNIDIRECTIONAL_SEQUENCE_LSTM, each.name, sequence, result, more_outputs=(1, 2, 3))
    bias = Given(T.TENSOR_INT32, (5,), 0.0000318)
    byte = Given(T.TENSOR_QUANT8_ASYMM, (5, 5), 0.00408021, 100)
    state = Given(T.TENSOR_QUANT16_SYMM, (5, 5), 1 / 2048)
    yield case(O.QUANTIZED_16BIT_LSTM, "quant8", [*[byte] * 9, *[bias] * 4, state, byte], [state, byte])
    signed = Given(T.TENSOR_QUANT8_ASYMM_SIGNED, (5, 5), 0.0078125)
    weights = Given(T.TENSOR_QUANT8_SYMM, (5, 5), 0.0078125)
    gate = Given(T.TENSOR_INT32, (5,), 4.65661e-08)
    peephole, norm = Given(T.TENSOR_QUANT16_SYMM, (5, 5), 1.0), Given(T.TENSOR_QUANT16_SYMM, (5,), 1.0)
    inputs = [
        *(signed, *[weights] * 8, *[peephole] * 3, *[gate] * 4, weights, gate, signed, peephole, *[norm] * 4),
        *([FLOAT] * 6),
        *(INT, FLOAT),
    ]
    yield case(O.QUANTIZED_LSTM, "quant8", inputs, [signed, peephole, signed])


def _others() -> Iterator[Case]:
    for each in ALL:
        yield case(O.RANK, each.name, [given(each, 3, 4, 5)], [INT], inputs_also={0: None})
    for each in FLOATS:
        samples = [given(each, 5, 5), INT, ints(2)]
        also: dict[int, frozenset[int] | None] = {0: frozenset(FLOATS)}
        yield case(O.RANDOM_MULTINOMIAL, each.name, samples, [ints(5, 7)], inputs_also=also)


def of_rank(operand: Given, rank: int) -> Given:
    """The operand with its first ``rank`` dimensions, and 1 where it has not so many."""
    dimensions = (*operand.dimensions, *[1] * rank)[:rank]
    return replace(operand, dimensions=dimensions)
