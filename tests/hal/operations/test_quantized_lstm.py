import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations import DECLARATIONS
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import INT8, INT16, INT32, UINT8, call, operand, output, refusal, stored

SYMM8 = OperandType.TENSOR_QUANT8_SYMM
GATES = ("input", "forget", "cell", "output")
BATCHES, SIZE, UNITS, LENGTH = 3, 6, 4, 5
STATE_16, OUTPUT_16 = output(INT16, 1 / 2048), output(UINT8, 1 / 128, 128)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def listed(operation_type, given):
    """The arguments by name in the operation's order; those not given are omitted."""
    (form,) = DECLARATIONS[operation_type].forms
    return [given.get(each.name) or omitted(each) for each in form]


def omitted(parameter):
    (operand_type,) = parameter.accepts(INT8)
    scale = 1.0 if operand_type.is_tensor and operand_type.has_scale else 0
    return Operand(operand_type, scale=scale, lifetime=Lifetime.NO_VALUE)


def real(tensor):
    """The numbers that a stored tensor stands for."""
    return (tensor.value.astype(float) - tensor.zero_point) * tensor.scale


def cell_16(seed, size=SIZE):
    """A QUANTIZED_16BIT_LSTM's tensors, at random."""
    random = np.random.default_rng(seed)
    scale = 0.02

    def weights(*shape):
        return stored(random.integers(0, 256, shape), UINT8, scale, 100)

    def activations(*shape):
        return stored(random.integers(0, 256, shape), UINT8, 1 / 128, 128)

    return {
        "input": activations(BATCHES, size),
        **{f"input_to_{gate}_weights": weights(UNITS, size) for gate in GATES},
        **{f"recurrent_to_{gate}_weights": weights(UNITS, UNITS) for gate in GATES},
        **{f"{gate}_bias": stored(random.integers(-5000, 5000, UNITS), INT32, scale / 128) for gate in GATES},
        "cell_state": stored(random.integers(-6000, 6000, (BATCHES, UNITS)), INT16, 1 / 2048),
        "output_state": activations(BATCHES, UNITS),
    }


def test_a_16_bit_cell_computes_what_its_numbers_stand_for():
    given = cell_16(0)
    cell_state, result = call(
        OperationType.QUANTIZED_16BIT_LSTM, *listed(OperationType.QUANTIZED_16BIT_LSTM, given), to=[STATE_16, OUTPUT_16]
    )
    values = np.concatenate([real(given["input"]), real(given["output_state"])], axis=1)
    let_in, forget, new, let_out = (
        values @ np.concatenate([real(given[f"{side}_to_{gate}_weights"]) for side in ("recurrent", "input")], axis=1).T
        + real(given[f"{gate}_bias"])
        for gate in GATES
    )
    expected = sigmoid(forget) * real(given["cell_state"]) + sigmoid(let_in) * np.tanh(new)
    np.testing.assert_allclose(cell_state / 2048, expected, atol=2e-3)
    np.testing.assert_allclose((result - 128.0) / 128, sigmoid(let_out) * np.tanh(expected), atol=1e-2)


def test_a_16_bit_state_saturates():
    given = cell_16(0)
    given["cell_state"] = stored(np.full((BATCHES, UNITS), 32767), INT16, 1 / 2048)
    given["forget_bias"] = stored(np.full(UNITS, 10**8), INT32, 0.02 / 128)
    given["input_bias"] = given["cell_bias"] = stored(np.full(UNITS, 10**8), INT32, 0.02 / 128)
    arguments = listed(OperationType.QUANTIZED_16BIT_LSTM, given)
    cell_state, _ = call(OperationType.QUANTIZED_16BIT_LSTM, *arguments, to=[STATE_16, OUTPUT_16])
    assert np.all(cell_state == 32767)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        (
            "input",
            lambda tensor: stored(tensor.value, UINT8, 1 / 64, 128),
            "its input has scale 0.015625 and zero point 128; they must be 0.0078125 and 128",
        ),
        (
            "cell_state",
            lambda tensor: stored(tensor.value, INT16, 1 / 1024),
            "its cell_state has scale 0.0009765625 and zero point 0; they must be 0.00048828125 and 0",
        ),
        (
            "recurrent_to_cell_weights",
            lambda tensor: stored(tensor.value, UINT8, 0.02, 99),
            "its recurrent_to_cell_weights has scale 0.02 and zero point 99; they must be those of its "
            "input_to_input_weights, 0.02 and 100",
        ),
        (
            "forget_bias",
            lambda tensor: stored(tensor.value, INT32, 0.02),
            "its bias has scale 0.02; it must be 0.00015625, its input's times its weights'",
        ),
        (
            "output_bias",
            lambda tensor: stored(tensor.value[1:], INT32, 0.02 / 128),
            "its output_bias is [3]; it must be [4]",
        ),
    ],
)
def test_16_bit_tensors_that_do_not_fit_are_refused(name, change, sentence):
    given = cell_16(0)
    given[name] = change(given[name])
    arguments = listed(OperationType.QUANTIZED_16BIT_LSTM, given)
    assert refusal(OperationType.QUANTIZED_16BIT_LSTM, *arguments, to=[STATE_16, OUTPUT_16]) == sentence


OUTPUT_SCALE, OUTPUT_ZERO_POINT, STATE_SCALE, HIDDEN_ZERO_POINT = 1 / 100, -7, 2.0**-12, 5
TO = [
    output(INT8, OUTPUT_SCALE, OUTPUT_ZERO_POINT),
    output(INT16, STATE_SCALE),
    output(INT8, OUTPUT_SCALE, OUTPUT_ZERO_POINT),
]


def cell(*, coupled=False, peephole=False, normalized=False, projected=False, seed=0):
    """A QUANTIZED_LSTM's tensors and scalars, at random."""
    random = np.random.default_rng(seed)
    length = LENGTH if projected else UNITS
    input_scale, scale = 1 / 128, 1 / 120
    gates = GATES[1:] if coupled else GATES
    bias_scale = 2.0**-15 / 1024 if normalized else scale * input_scale
    given = {
        "input": stored(random.integers(-128, 128, (BATCHES, SIZE)), INT8, input_scale, 3),
        "output_state": stored(random.integers(-90, 90, (BATCHES, length)), INT8, OUTPUT_SCALE, OUTPUT_ZERO_POINT),
        "cell_state": stored(random.integers(-8000, 8000, (BATCHES, UNITS)), INT16, STATE_SCALE),
        "hidden_state_zero_point": HIDDEN_ZERO_POINT if projected else OUTPUT_ZERO_POINT,
        "hidden_state_scale": 1 / 130 if projected else OUTPUT_SCALE,
    }
    for gate in GATES:
        given[f"{gate}_intermediate_scale"] = 0.005 if normalized else 2.0**-12
    for gate in gates:
        given[f"input_to_{gate}_weights"] = stored(random.integers(-127, 128, (UNITS, SIZE)), SYMM8, scale)
        given[f"recurrent_to_{gate}_weights"] = stored(random.integers(-127, 128, (UNITS, length)), SYMM8, scale)
        given[f"{gate}_bias"] = stored(np.round(random.uniform(-1, 1, UNITS) / bias_scale), INT32, bias_scale)
        if normalized:
            given[f"{gate}_layer_norm_weights"] = stored(random.integers(9000, 32767, UNITS), INT16, 2.0**-15)
        if peephole and gate != "cell":
            given[f"cell_to_{gate}_weights"] = stored(random.integers(-32767, 32767, UNITS), INT16, 2.0**-15)
    if projected:
        given["projection_weights"] = stored(random.integers(-127, 128, (LENGTH, UNITS)), SYMM8, scale)
        given["projection_bias"] = stored(random.integers(-9000, 9000, LENGTH), INT32, scale / 130)
    return given


def computed(given):
    arguments = listed(
        OperationType.QUANTIZED_LSTM,
        {name: operand(value) for name, value in given.items()},
    )
    return call(OperationType.QUANTIZED_LSTM, *arguments, to=TO)


def expected(given):
    """The output and the cell state by the formulas of LSTM, in real numbers."""
    state = real(given["cell_state"])

    def gate(name, seen=None):
        total = sum(
            real(given[values]) @ real(given[f"{side}_to_{name}_weights"]).T
            for values, side in (("input", "input"), ("output_state", "recurrent"))
        )
        if seen is not None and f"cell_to_{name}_weights" in given:
            total = total + seen * real(given[f"cell_to_{name}_weights"])
        if f"{name}_layer_norm_weights" in given:
            total = (total - total.mean(1, keepdims=True)) / total.std(1, keepdims=True)
            total = total * real(given[f"{name}_layer_norm_weights"])
        return total + real(given[f"{name}_bias"])

    forget = sigmoid(gate("forget", state))
    let_in = sigmoid(gate("input", state)) if "input_bias" in given else 1 - forget
    state = forget * state + let_in * np.tanh(gate("cell"))
    result = sigmoid(gate("output", state)) * np.tanh(state)
    if "projection_weights" in given:
        result = result @ real(given["projection_weights"]).T + real(given["projection_bias"])
    return result, state


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("peephole", [False, True])
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("projected", [False, True])
def test_a_cell_computes_what_its_numbers_stand_for(coupled, peephole, normalized, projected):
    given = cell(coupled=coupled, peephole=peephole, normalized=normalized, projected=projected)
    output_state, cell_state, result = computed(given)
    wanted, state = expected(given)
    assert output_state.tolist() == result.tolist()
    np.testing.assert_allclose(cell_state * STATE_SCALE, state, atol=0.02 if normalized else 0.005)
    limits = (np.array([-128, 127]) - OUTPUT_ZERO_POINT) * OUTPUT_SCALE
    numbers = (result.astype(float) - OUTPUT_ZERO_POINT) * OUTPUT_SCALE
    np.testing.assert_allclose(numbers, np.clip(wanted, *limits), atol=0.04 if normalized else 0.02)


def test_state_and_projection_are_clipped():
    given = cell(projected=True)
    _, free_state, free = computed(given)
    _, state, _ = computed(given | {"cell_clip": 0.5})
    limit = int(0.5 / STATE_SCALE)
    assert np.abs(free_state).max() > limit
    assert state.tolist() == np.clip(free_state, -limit, limit).tolist()
    _, state, result = computed(given | {"projection_clip": 0.25})
    assert np.abs(free.astype(int) - OUTPUT_ZERO_POINT).max() > 25
    assert result.tolist() == np.clip(free, OUTPUT_ZERO_POINT - 25, OUTPUT_ZERO_POINT + 25).tolist()
    assert state.tolist() == free_state.tolist()


def test_without_projection_the_hidden_state_is_given_as_it_is_stored():
    given = cell()
    _, _, result = computed(given)
    _, _, finer = computed(given | {"hidden_state_scale": OUTPUT_SCALE / 2, "hidden_state_zero_point": 0})
    np.testing.assert_allclose(finer, np.clip(2 * (result.astype(int) - OUTPUT_ZERO_POINT), -128, 127), atol=1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"cell_state": stored(np.zeros((BATCHES, UNITS)), INT16, 0.0003)},
            "its cell_state_out has scale 0.000244140625 and zero point 0; they must be those of its cell_state, "
            "0.0003 and 0",
        ),
        ({"hidden_state_scale": 0.0}, "its hidden_state_scale is 0.0; it must be finite and above 0"),
        ({"forget_intermediate_scale": -1.0}, "its forget_intermediate_scale is -1.0; it must be finite and above 0"),
        ({"hidden_state_zero_point": 128}, "its hidden_state_zero_point is 128; it must be from -128 to 127"),
        (
            {"cell_bias": stored(np.zeros(UNITS + 1), INT32)},
            "its cell_bias is [5]; it must be [4]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    given = {name: operand(value) for name, value in (cell() | change).items()}
    arguments = listed(OperationType.QUANTIZED_LSTM, given)
    assert refusal(OperationType.QUANTIZED_LSTM, *arguments, to=TO) == sentence


@pytest.mark.parametrize("scale", [0.0003, 2.0**-16, 2.0**-8])
def test_the_state_has_up_to_6_integer_bits(scale):
    given = cell() | {"cell_state": stored(np.zeros((BATCHES, UNITS)), INT16, scale)}
    arguments = listed(OperationType.QUANTIZED_LSTM, {name: operand(value) for name, value in given.items()})
    to = [TO[0], output(INT16, scale), TO[2]]
    assert refusal(OperationType.QUANTIZED_LSTM, *arguments, to=to) == (
        f"its cell_state has scale {scale}; it must be a power of 2 from 2^-15 to 2^-9"
    )
