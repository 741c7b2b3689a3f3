"""Whole models and requests: what passes, and what is refused in which words."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from hal.device import Argument, Request
from hal.errors import BadDataError, OutputInsufficientSizeError
from hal.model import (
    Extension,
    Lifetime,
    Location,
    Model,
    Operand,
    Operation,
    PerChannelQuantization,
    Subgraph,
)
from hal.types import OperandType, OperationType
from hal.validation import validate_model, validate_operation, validate_request

T = OperandType
IN, OUT, TEMPORARY = Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT, Lifetime.TEMPORARY_VARIABLE


def tensor(lifetime: Lifetime, *dimensions: int, kind: int = T.TENSOR_FLOAT32, **more: object) -> Operand:
    return Operand(kind, dimensions, lifetime=lifetime, **more)  # type: ignore[arg-type]


def constant(value: np.ndarray, kind: int, **more: object) -> Operand:
    return Operand(kind, value.shape, lifetime=Lifetime.CONSTANT_COPY, value=value, **more)  # type: ignore[arg-type]


def scalar(value: int) -> Operand:
    return constant(np.array(value, np.int32), T.INT32)


def add_model() -> Model:
    """0 + 1 -> 3 with activation 2; relu(3) -> 4."""
    operands = (
        tensor(IN, 2, 3),
        tensor(IN, 2, 3),
        scalar(0),
        tensor(TEMPORARY, 2, 3),
        tensor(OUT, 2, 3),
    )
    operations = (Operation(OperationType.ADD, (0, 1, 2), (3,)), Operation(OperationType.RELU, (3,), (4,)))
    return Model(Subgraph(operands, operations, (0, 1), (4,)))


def with_operand(index: int, **changes: object) -> Model:
    model = add_model()
    operands = list(model.main.operands)
    operands[index] = replace(operands[index], **changes)  # type: ignore[arg-type]
    return replace(model, main=replace(model.main, operands=tuple(operands)))


def with_main(**changes: object) -> Model:
    model = add_model()
    return replace(model, main=replace(model.main, **changes))  # type: ignore[arg-type]


def with_more(*operands: Operand) -> Model:
    model = add_model()
    return replace(model, main=replace(model.main, operands=model.main.operands + operands))


def refusal(model: Model) -> BadDataError:
    with pytest.raises(BadDataError) as caught:
        validate_model(model)
    return caught.value


def test_a_right_model_passes() -> None:
    validate_model(add_model())


@pytest.mark.parametrize(
    ("index", "changes", "sentence"),
    [
        (0, {"type": 99}, "a type that NNAPI does not know"),
        (0, {"type": 7 << 16}, "extension with prefix 7, which the model does not declare"),
        (0, {"dimensions": (2, -1)}, "each must be from 0"),
        (0, {"dimensions": (2**32,)}, "each must be from 0"),
        (0, {"dimensions": (2**16, 2**14)}, "overflows"),
        (0, {"dimensions": (0, 2**31, 0, 2**31)}, "overflows"),
        (0, {"scale": 0.5}, "has scale 0.5; it must be 0"),
        (0, {"zero_point": 1}, "has zero point 1; it must be 0"),
        (0, {"type": T.TENSOR_QUANT8_ASYMM}, "has scale 0.0; it must be finite and above 0"),
        (0, {"type": T.TENSOR_QUANT8_ASYMM, "scale": float("nan")}, "it must be finite and above 0"),
        (0, {"type": T.TENSOR_QUANT8_ASYMM, "scale": float("inf")}, "it must be finite and above 0"),
        (0, {"type": T.TENSOR_QUANT8_ASYMM, "scale": 1.0, "zero_point": 256}, "must be from 0 to 255"),
        (0, {"type": T.TENSOR_QUANT8_ASYMM_SIGNED, "scale": 1.0, "zero_point": 128}, "must be from -128 to 127"),
        (0, {"type": T.TENSOR_QUANT16_ASYMM, "scale": 1.0, "zero_point": -1}, "must be from 0 to 65535"),
        (0, {"type": T.TENSOR_QUANT8_SYMM, "scale": 1.0, "zero_point": 1}, "has zero point 1; it must be 0"),
        (0, {"type": T.TENSOR_INT32, "scale": -1.0}, "must be finite and at least 0"),
        (0, {"type": T.TENSOR_QUANT8_SYMM_PER_CHANNEL}, "has no per-channel scales"),
        (0, {"per_channel": PerChannelQuantization(0, (1.0, 1.0))}, "has per-channel scales"),
        (0, {"value": np.zeros((2, 3), np.float32)}, "only a constant has a value"),
        (0, {"location": Location("app-1-0/r0", 0, 24)}, "only a constant has a value"),
        (0, {"subgraph": 0}, "refers to a subgraph"),
        (0, {"extension_data": b"x"}, "has an extension's data"),
        (2, {"dimensions": (1,)}, "is a scalar, which has none"),
        (2, {"value": None}, "a constant without a value"),
        (2, {"value": np.array(0, np.int64)}, "has a value of int64"),
        (2, {"value": np.zeros(1, np.int32)}, "it must be int32 []"),
        (2, {"location": Location("app-1-0/r0", 0, 8)}, "has a value of 4 bytes in a place of 8"),
        (2, {"lifetime": Lifetime.SUBGRAPH}, "MODEL operands, and only they, have SUBGRAPH"),
        (2, {"type": T.MODEL, "value": None}, "MODEL operands, and only they, have SUBGRAPH"),
        (2, {"type": T.MODEL, "value": None, "lifetime": Lifetime.SUBGRAPH}, "refers to subgraph None"),
        (2, {"type": T.MODEL, "value": None, "lifetime": Lifetime.SUBGRAPH, "subgraph": 0}, "the model has 0"),
        (3, {"lifetime": Lifetime.SUBGRAPH_INPUT}, "is not among the inputs"),
        (3, {"lifetime": Lifetime.SUBGRAPH_OUTPUT}, "is not among the outputs"),
        (4, {"lifetime": TEMPORARY}, "it must be SUBGRAPH_OUTPUT"),
    ],
)
def test_refuses_a_wrong_operand(index: int, changes: dict[str, object], sentence: str) -> None:
    error = refusal(with_operand(index, **changes))
    assert sentence in str(error)
    assert f"operand {index}" in str(error)
    assert error.operand == index


@pytest.mark.parametrize(
    ("dimensions", "channel_dim", "scales", "sentence"),
    [
        ((2, 3), 2, (1.0, 1.0), "channel dimension 2"),
        ((), 0, (1.0,), "channel dimension 0"),
        ((0, 3), 0, (), "must be known"),
        ((2, 3), 0, (1.0,), "has 1 scales"),
        ((2, 3), 1, (1.0, 0.0, 1.0), "scale 0.0 for channel 1"),
        ((2, 3), 1, (1.0, 1.0, float("inf")), "scale inf for channel 2"),
        ((2, 3), 1, (1.0, 1.0, float("nan")), "scale nan for channel 2"),
    ],
)
def test_refuses_wrong_per_channel_scales(
    dimensions: tuple[int, ...], channel_dim: int, scales: tuple[float, ...], sentence: str
) -> None:
    per_channel = PerChannelQuantization(channel_dim, scales)
    error = refusal(
        with_operand(0, type=T.TENSOR_QUANT8_SYMM_PER_CHANNEL, dimensions=dimensions, per_channel=per_channel)
    )
    assert sentence in str(error)


def test_refuses_a_constant_of_unknown_dimensions() -> None:
    value = np.zeros((2, 0), np.float32)
    error = refusal(with_more(tensor(Lifetime.CONSTANT_COPY, 2, 0, value=value)))
    assert "must all be known" in str(error)


def test_refuses_a_constant_that_is_not_contiguous() -> None:
    error = refusal(with_more(constant(np.zeros((3, 2), np.float32).T, T.TENSOR_FLOAT32)))
    assert "not contiguous" in str(error)


def test_accepts_a_scale_on_an_integer_bias() -> None:
    validate_model(with_more(constant(np.zeros(3, np.int32), T.TENSOR_INT32, scale=0.25)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": ()}, "there is no input"),
        ({"outputs": ()}, "there is no output"),
        ({"operations": ()}, "there is no operation"),
        ({"inputs": (0, 1, 0)}, "operand 0 is twice among the inputs"),
        ({"inputs": (0, 5)}, "input 1 is operand 5; there are 5 operands"),
        ({"inputs": (0, -1)}, "input 1 is operand -1"),
        ({"inputs": (0, 2)}, "input 1 is operand 2 of lifetime CONSTANT_COPY"),
        ({"outputs": (3,)}, "output 0 is operand 3 of lifetime TEMPORARY_VARIABLE"),
    ],
)
def test_refuses_wrong_lists(changes: dict[str, object], sentence: str) -> None:
    assert sentence in str(refusal(with_main(**changes)))


ADD, RELU = add_model().main.operations


@pytest.mark.parametrize(
    ("operations", "number", "operand", "sentence"),
    [
        ((RELU, ADD), 0, 3, "operation 0 (RELU): input 0 (operand 3) is read before it is written"),
        ((RELU,), 0, 3, "operation 0 (RELU): input 0 (operand 3) is never written by an operation"),
        ((ADD, RELU, RELU), 2, 4, "operation 2 (RELU): output 0 (operand 4) has been written before"),
        ((ADD, replace(RELU, outputs=(0,))), 1, 0, "lifetime SUBGRAPH_INPUT; operations can't write it"),
        ((ADD, replace(RELU, outputs=(2,))), 1, 2, "lifetime CONSTANT_COPY; operations can't write it"),
        ((ADD, replace(RELU, inputs=(9,))), 1, None, "input 0 is operand 9; there are 5 operands"),
        ((ADD, replace(RELU, outputs=(-1,))), 1, None, "output 0 is operand -1"),
        ((ADD, replace(RELU, type=106)), 1, None, "NNAPI does not have this operation"),
        ((ADD, replace(RELU, type=5 << 16)), 1, None, "extension with prefix 5"),
        ((ADD, replace(RELU, inputs=(3, 3))), 1, None, "it has 2 inputs; it must have 1"),
        ((ADD, replace(RELU, inputs=())), 1, None, "it has 0 inputs"),
        ((ADD, replace(RELU, outputs=())), 1, None, "it has 0 outputs"),
        ((replace(ADD, inputs=(0, 1, 1)), RELU), 0, 1, "input 2 ('activation', operand 1) is TENSOR_FLOAT32"),
        ((replace(ADD, inputs=(0, 2, 2)), RELU), 0, 2, "input 1 ('input1', operand 2) is INT32"),
        ((replace(ADD, inputs=(2, 1, 2)), RELU), 0, 2, "input 0 (operand 2) is INT32"),
    ],
)
def test_refuses_wrong_operations(
    operations: tuple[Operation, ...], number: int, operand: int | None, sentence: str
) -> None:
    error = refusal(with_main(operations=operations))
    assert sentence in str(error)
    assert (error.operation, error.operand) == (number, operand)


def test_refuses_a_cycle() -> None:
    operations = (replace(ADD, inputs=(0, 4, 2)), RELU)
    assert "operand 4) is read before it is written" in str(refusal(with_main(operations=operations)))


def test_refuses_an_operand_that_nothing_writes() -> None:
    error = refusal(with_more(tensor(TEMPORARY, 2, 3)))
    assert str(error) == "operand 5 is never written by an operation"
    assert error.operand == 5


def test_names_the_scalar_that_is_wrong() -> None:
    operands = (
        tensor(IN, 1, 8, 8, 2),
        constant(np.zeros((4, 3, 3, 2), np.float32), T.TENSOR_FLOAT32),
        constant(np.zeros(4, np.float32), T.TENSOR_FLOAT32),
        scalar(1),
        scalar(0),
        tensor(OUT, 1, 8, 8, 4),
    )
    conv = Operation(OperationType.CONV_2D, (0, 1, 2, 3, 4, 3, 4), (5,))
    error = refusal(Model(Subgraph(operands, (conv,), (0,), (5,))))
    assert str(error) == "operation 0 (CONV_2D): input 4 ('stride_width', operand 4) is 0; it must be at least 1"
    assert (error.operation, error.operand) == (0, 4)


def test_refuses_dimensions_that_do_not_follow() -> None:
    error = refusal(with_operand(3, dimensions=(2, 4)))
    assert "has dimensions [2, 4]; from its inputs follow [2, 3]" in str(error)
    assert (error.operation, error.operand) == (0, 3)


def test_unknown_dimensions_follow_through_the_model() -> None:
    validate_model(with_operand(3, dimensions=()))
    model = with_operand(3, dimensions=(0, 0))
    operands = (*model.main.operands[:4], tensor(OUT, 2, 4))
    error = refusal(replace(model, main=replace(model.main, operands=operands)))
    assert "operation 1 (RELU)" in str(error)
    assert "from its inputs follow [2, 3]" in str(error)


def test_what_depends_on_unknown_inputs_is_left_open() -> None:
    operands = (tensor(IN, 0, 3), tensor(IN, 2, 3), scalar(0), tensor(TEMPORARY, 7, 9), tensor(OUT, 7, 9))
    validate_model(with_main(operands=operands))


def test_inferred_sizes_must_not_overflow() -> None:
    operands = (tensor(IN, 2**15, 1), tensor(IN, 1, 2**15), scalar(0), tensor(TEMPORARY), tensor(OUT))
    assert "overflows" in str(refusal(with_main(operands=operands)))


def test_declared_extensions_are_allowed() -> None:
    model = with_more(tensor(Lifetime.CONSTANT_COPY, kind=5 << 16, value=np.zeros(3, np.uint8)))
    operations = (replace(ADD, type=(5 << 16) + 1), RELU)
    model = replace(model, main=replace(model.main, operations=operations))
    assert "prefix 5, which the model does not declare" in str(refusal(model))
    validate_model(replace(model, extensions=(Extension("com.example.more", 5),)))


@pytest.mark.parametrize(
    ("extensions", "sentence"),
    [
        ([("com.example", 0)], "prefix 0"),
        ([("com.example", 2**16)], "prefix 65536"),
        ([("example", 1)], "extension 'example'"),
        ([("com.Example", 1)], "extension 'com.Example'"),
        ([("com.example", 1), ("com.example", 2)], "two extensions have the name 'com.example'"),
        ([("com.example", 1), ("com.other", 1)], "two extensions have the prefix 1"),
    ],
)
def test_refuses_wrong_extensions(extensions: list[tuple[str, int]], sentence: str) -> None:
    model = replace(add_model(), extensions=tuple(Extension(*each) for each in extensions))
    assert sentence in str(refusal(model))


def reference_to(number: int) -> Operand:
    return Operand(T.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=number)


def test_referenced_subgraphs_are_checked_and_named() -> None:
    inner = with_operand(0, scale=2.0).main
    error = refusal(replace(with_more(reference_to(0)), referenced=(inner,)))
    assert str(error) == "referenced subgraph 0: operand 0 (TENSOR_FLOAT32) has scale 2.0; it must be 0"
    assert (error.operand, error.operation) == (None, None)


def test_refuses_subgraphs_that_contain_each_other() -> None:
    first, second = with_more(reference_to(1)).main, with_more(reference_to(0)).main
    error = refusal(replace(with_more(reference_to(0)), referenced=(first, second)))
    assert "circle of subgraphs" in str(error)


def test_deeply_nested_subgraphs_are_no_problem() -> None:
    depth = 3000
    chain = tuple(with_more(reference_to(number + 1)).main for number in range(depth - 1))
    validate_model(replace(with_more(reference_to(0)), referenced=(*chain, add_model().main)))


def chain_model(operations: int, weights: np.ndarray) -> Model:
    """CONV_2D after CONV_2D, all with the same weights."""
    channels = weights.shape[0]
    operands = [tensor(IN, 1, 8, 8, channels), scalar(1), scalar(0)]
    steps: list[Operation] = []
    for _ in range(operations):
        image = len(operands) - 1 if steps else 0
        operands += [
            constant(weights, T.TENSOR_FLOAT32),
            constant(np.zeros(channels, np.float32), T.TENSOR_FLOAT32),
            tensor(TEMPORARY, 1, 8, 8, channels),
        ]
        count = len(operands)
        steps.append(Operation(OperationType.CONV_2D, (image, count - 3, count - 2, 1, 1, 1, 2), (count - 1,)))
    operands[-1] = replace(operands[-1], lifetime=OUT)
    return Model(Subgraph(tuple(operands), tuple(steps), (0,), (len(operands) - 1,)))


def test_large_constants_are_not_read() -> None:
    def seconds(model: Model) -> float:
        start = time.perf_counter()
        validate_model(model)
        return time.perf_counter() - start

    small, large = (chain_model(100, np.ones((size, 3, 3, size), np.float32)) for size in (1, 512))
    assert min(seconds(large) for _ in range(5)) < 3 * min(seconds(small) for _ in range(5)) + 0.01


# Requests


def given(*shape: int, **more: object) -> Argument:
    return Argument(np.zeros(int(np.prod(shape)) * 4, np.uint8), **more)  # type: ignore[arg-type]


def test_a_right_request_passes() -> None:
    validate_request(add_model(), Request([given(2, 3)] * 2, [given(2, 3)]))


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Request([given(2, 3)], [given(2, 3)]), "the request has 1 inputs; the model has 2"),
        (Request([given(2, 3)] * 2, []), "the request has 0 outputs; the model has 1"),
        (Request([given(2, 3), given(2, 2)], [given(2, 3)]), "input 1 has 16 bytes; TENSOR_FLOAT32 [2, 3] needs 24"),
        (Request([given(2, 3), given(2, 4)], [given(2, 3)]), "input 1 has 32 bytes"),
        (Request([given(2, 3), given(6, dimensions=(6,))], [given(2, 3)]), "the model has [2, 3]"),
        (Request([given(2, 3), given(6, dimensions=(3, 2))], [given(2, 3)]), "the model has [2, 3]"),
        (Request([given(2, 3)] * 2, [given(2, 3, dimensions=(2, 2))]), "output 0 has dimensions [2, 2]"),
        (Request([given(2, 3), Argument(None)], [given(2, 3)]), "input 1 is left out: operation 0 (ADD): input 1"),
        (Request([given(2, 3)] * 2, [Argument(None)]), "output 0 is left out: operation 1 (RELU): output 0"),
        (Request([given(2, 3)] * 2, [given(2, 3)], timeout=-1.0), "timeout is -1.0 seconds"),
        (Request([given(2, 3)] * 2, [given(2, 3)], timeout=float("nan")), "timeout is nan seconds"),
        (Request([given(2, 3)] * 2, [given(2, 3)], loop_timeout=-1.0), "loop timeout is -1.0"),
        (
            Request([given(2, 3, location=Location("app-1-0/r0", 0, 23))] * 2, [given(2, 3)]),
            "input 0 and its place in shared memory differ in size",
        ),
    ],
)
def test_refuses_a_wrong_request(request_: Request, sentence: str) -> None:
    with pytest.raises(BadDataError) as caught:
        validate_request(add_model(), request_)
    assert sentence in str(caught.value)


def test_refuses_an_output_that_can_not_be_written() -> None:
    output = given(2, 3)
    assert output.data is not None
    output.data.flags.writeable = False
    with pytest.raises(BadDataError, match="can't be written"):
        validate_request(add_model(), Request([given(2, 3)] * 2, [output]))


def test_an_output_that_is_too_small_tells_what_is_needed() -> None:
    with pytest.raises(OutputInsufficientSizeError, match="output 0 has 20 bytes") as caught:
        validate_request(add_model(), Request([given(2, 3)] * 2, [given(5)]))
    assert caught.value.dimensions == ((2, 3),)


def test_an_output_may_have_more_room() -> None:
    validate_request(add_model(), Request([given(2, 3)] * 2, [given(100)]))


def open_model() -> Model:
    operands = (tensor(IN, 0, 3), tensor(IN), scalar(0), tensor(TEMPORARY), tensor(OUT, 0, 3))
    return with_main(operands=operands)


def test_a_request_fills_in_what_the_model_leaves_open() -> None:
    inputs = [given(2, 3, dimensions=(2, 3)), given(2, 3, dimensions=(2, 3))]
    for output in (given(1), given(2, 3, dimensions=(2, 0))):
        validate_request(open_model(), Request(inputs, [output]))


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        (given(2, 3), "input 0 has dimensions [0, 3]; in a request, all of an input's must be known"),
        (given(2, 3, dimensions=(0, 3)), "input 0 has dimensions [0, 3]; in a request, all"),
        (given(2, 3, dimensions=(2, 0)), "input 0 has dimensions [2, 0]; in a request, all"),
        (given(2, 3, dimensions=(2**31, 0)), "overflows"),
        (given(2, 3, dimensions=(-2, 3)), "each must be from 0"),
    ],
)
def test_refuses_inputs_of_unknown_or_impossible_size(argument: Argument, sentence: str) -> None:
    other = given(2, 3, dimensions=(2, 3))
    with pytest.raises(BadDataError) as caught:
        validate_request(open_model(), Request([argument, other], [given(1)]))
    assert sentence in str(caught.value)


def test_scalars_have_no_dimensions_in_a_request_either() -> None:
    operands = (tensor(IN, 2, 3), tensor(IN, 2, 3), Operand(T.INT32, lifetime=IN), *add_model().main.operands[3:])
    model = with_main(operands=operands, inputs=(0, 1, 2))
    validate_request(model, Request([given(2, 3), given(2, 3), given(1)], [given(2, 3)]))
    with pytest.raises(BadDataError, match="is a scalar"):
        validate_request(model, Request([given(2, 3), given(2, 3), given(1, dimensions=(1,))], [given(2, 3)]))


def test_an_extension_s_argument_is_taken_as_it_comes() -> None:
    operands = (tensor(IN, kind=5 << 16), tensor(IN, 2, 3), scalar(0), *add_model().main.operands[3:])
    operations = (replace(ADD, type=5 << 16), RELU)
    model = replace(with_main(operands=operands, operations=operations), extensions=(Extension("com.example", 5),))
    validate_model(model)
    validate_request(model, Request([Argument(np.zeros(7, np.uint8)), given(2, 3)], [given(2, 3)]))


# What NNAPI leaves to executions


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(with_operand(2, value=np.array(999, np.int32)), id="a value"),
        pytest.param(with_operand(1, dimensions=(2, 4)), id="inputs that do not fit each other"),
        pytest.param(with_operand(4, dimensions=(3, 3)), id="an output that does not follow"),
        pytest.param(with_operand(4, dimensions=(1, 1, 1, 1, 6)), id="an output's rank"),
    ],
)
def test_what_only_an_execution_need_refuse_passes_leniently(model: Model) -> None:
    refusal(model)
    validate_model(model, lenient=True)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(with_operand(0, dimensions=(1, 1, 1, 1, 6)), id="an input's rank"),
        pytest.param(with_operand(4, type=T.TENSOR_FLOAT16), id="a type"),
        pytest.param(with_main(operations=add_model().main.operations[:1]), id="an output that nothing writes"),
        pytest.param(with_main(operations=add_model().main.operations[::-1]), id="an order"),
    ],
)
def test_what_no_model_may_have_is_refused_leniently_too(model: Model) -> None:
    with pytest.raises(BadDataError):
        validate_model(model, lenient=True)


@pytest.mark.parametrize("lenient", [False, True])
def test_scales_that_can_not_multiply_are_refused_leniently_too(lenient: bool) -> None:
    quantised = [Operand(T.TENSOR_QUANT8_ASYMM, (2,), scale) for scale in (1.0, 1.0, 0.5)]
    operation = Operation(OperationType.MUL, (0, 1, 2), (3,))
    with pytest.raises(BadDataError, match=r"it must be above 1\.0"):
        validate_operation(0, operation, [*quantised[:2], scalar(0), quantised[2]], lenient=lenient)
