import math

import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, call, output, refusal, stored

NONE, RELU, TANH, SIGMOID = 0, 1, 4, 6
GATES = ("input", "forget", "cell", "output")
BATCHES, STEPS, SIZE, UNITS = 2, 3, 4, 5
OMITTED = Operand(FLOAT32, (0,), lifetime=Lifetime.NO_VALUE)
SETTINGS = {"activation": TANH, "cell_clip": 0.0, "projection_clip": 0.0}
SEQUENCE = np.random.default_rng(0).uniform(-1, 1, (STEPS, BATCHES, SIZE)).astype(np.float32)


def listed(operation_type, **given):
    """The arguments by name in the operation's order; tensors not given are omitted."""
    (form,) = DECLARATIONS[operation_type].forms
    return [given.get(parameter.name, OMITTED) for parameter in form]


def compute(operation_type, outputs, **given):
    arguments = listed(operation_type, **SETTINGS | given)
    return call(operation_type, *arguments, to=[output(FLOAT32)] * outputs)


def refused(operation_type, outputs, **given):
    arguments = listed(operation_type, **SETTINGS | given)
    return refusal(operation_type, *arguments, to=[output(FLOAT32)] * outputs)


def one_unit(**tensors):
    """An LSTM step of one unit and one input: all zeros but for ``tensors``; its state and output."""
    shapes = {
        **{f"input_to_{gate}_weights": (1, 1) for gate in GATES},
        **{f"recurrent_to_{gate}_weights": (1, 1) for gate in GATES},
        **{f"{gate}_bias": (1,) for gate in GATES},
        **dict.fromkeys(("input", "output_state", "cell_state"), (1, 1)),
    }
    given = {name: np.full(shape, tensors.pop(name, 0), np.float32) for name, shape in shapes.items()}
    given |= {name: value if np.ndim(value) else np.float32(value).item() for name, value in tensors.items()}
    _, output_state, cell_state, result = compute(OperationType.LSTM, 4, **given)
    assert output_state.tolist() == result.tolist()
    return cell_state.item(), result.item()


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def near(*values):
    return pytest.approx(values, rel=1e-6)


def test_gates_of_nothing_are_half_open():
    state = 0.5 * 0.5 + 0.5 * math.tanh(1)
    assert one_unit(cell_state=0.5, cell_bias=1) == near(state, 0.5 * math.tanh(state))


@pytest.mark.parametrize("source", ["input", "output_state", "bias"])
def test_each_gate_sums_what_comes_in(source):
    weights = {"input": "input_to_{}_weights", "output_state": "recurrent_to_{}_weights", "bias": "{}_bias"}[source]
    values = {} if source == "bias" else {source: 1}
    sums = dict(zip(GATES, (0.3, -0.4, 0.7, 1.1)))
    expected = sigmoid(-0.4) * 0.5 + sigmoid(0.3) * math.tanh(0.7)
    tensors = {weights.format(gate): value for gate, value in sums.items()}
    assert one_unit(cell_state=0.5, **values, **tensors) == near(expected, sigmoid(1.1) * math.tanh(expected))


def test_peepholes_look_at_the_cell_state_before_and_after():
    peepholes = {
        f"cell_to_{gate}_weights": np.full(1, weight, np.float32)
        for gate, weight in (("input", 0.5), ("forget", -1), ("output", 2))
    }
    state = sigmoid(-1 * 0.5) * 0.5 + sigmoid(0.5 * 0.5) * math.tanh(1)
    expected = near(state, sigmoid(2 * state) * math.tanh(state))
    assert one_unit(cell_state=0.5, cell_bias=1, **peepholes) == expected


@pytest.mark.parametrize(
    ("activation", "applied"),
    [(NONE, lambda x: x), (RELU, lambda x: max(0, x)), (3, lambda x: min(max(0, x), 6)), (SIGMOID, sigmoid)],
)
@pytest.mark.parametrize("incoming", [-3.0, 20.0])
def test_other_activations_of_the_cell(activation, applied, incoming):
    state = 0.5 * applied(incoming)
    _, _, cell_state, result = compute(
        OperationType.LSTM,
        4,
        activation=activation,
        **cell(1, size=1, units=1, scale=0, cell_bias=[incoming]),
        **{name: np.zeros((1, 1), np.float32) for name in ("input", "output_state", "cell_state")},
    )
    assert (cell_state.item(), result.item()) == near(state, 0.5 * applied(state))


def cell(seed, size=SIZE, units=UNITS, length=None, scale=1.0, **biases):
    """A cell's weights and biases at random; with a ``length`` other than its units, projected."""
    random = np.random.default_rng(seed)

    def draw(*shape):
        return (scale * random.uniform(-1, 1, shape)).astype(np.float32)

    tensors = {f"input_to_{gate}_weights": draw(units, size) for gate in GATES}
    tensors |= {f"recurrent_to_{gate}_weights": draw(units, length or units) for gate in GATES}
    tensors |= {f"{gate}_bias": draw(units) for gate in GATES}
    if length is not None:
        tensors |= {"projection_weights": draw(length, units), "projection_bias": draw(length)}
    return tensors | {name: np.array(values, np.float32) for name, values in biases.items()}


def states(length=UNITS, units=UNITS):
    random = np.random.default_rng(99)
    return {
        "output_state": random.uniform(-1, 1, (BATCHES, length)).astype(np.float32),
        "cell_state": random.uniform(-1, 1, (BATCHES, units)).astype(np.float32),
    }


def without_input_gate(tensors):
    return {
        name: value
        for name, value in tensors.items()
        if name not in ("input_to_input_weights", "recurrent_to_input_weights", "input_bias")
    }


def test_without_an_input_gate_what_is_forgotten_makes_room():
    tensors = cell(1, scale=0, forget_bias=[-2, -1, 0, 1, 2], cell_bias=[1] * UNITS)
    given = {"input": SEQUENCE[0], **states()}
    scratch, _, cell_state, _ = compute(OperationType.LSTM, 4, **without_input_gate(tensors), **given)
    forget = 1 / (1 + np.exp([2, 1, 0, -1, -2]))
    np.testing.assert_allclose(cell_state, forget * given["cell_state"] + (1 - forget) * math.tanh(1), rtol=1e-5)
    assert scratch.shape == (BATCHES, 3 * UNITS)
    assert compute(OperationType.LSTM, 4, **tensors, **given)[0].shape == (BATCHES, 4 * UNITS)


def test_state_and_projection_are_clipped():
    given = {"input": SEQUENCE[0], **states(length=3)}
    tensors = cell(3, length=3)
    _, _, free_state, free = compute(OperationType.LSTM, 4, **tensors, **given)
    _, _, clipped_state, clipped = compute(OperationType.LSTM, 4, **tensors, **given, **{"projection_clip": 0.25})
    assert np.abs(free).max() > 0.25
    assert clipped.tolist() == np.clip(free, -0.25, 0.25).tolist()
    assert clipped_state.tolist() == free_state.tolist()
    assert np.abs(free_state).max() > 0.125
    _, _, clipped_state, _ = compute(OperationType.LSTM, 4, **tensors, **given, cell_clip=0.125)
    assert clipped_state.tolist() == np.clip(free_state, -0.125, 0.125).tolist()


def test_projection_multiplies_the_output():
    given = {"input": SEQUENCE[0], **states()}
    tensors = cell(4)
    _, _, _, plain = compute(OperationType.LSTM, 4, **tensors, **given)
    doubled = {"projection_weights": 2 * np.eye(UNITS, dtype=np.float32)}
    np.testing.assert_allclose(compute(OperationType.LSTM, 4, **tensors, **doubled, **given)[3], 2 * plain, rtol=1e-6)
    doubled["projection_bias"] = np.ones(UNITS, np.float32)
    np.testing.assert_allclose(
        compute(OperationType.LSTM, 4, **tensors, **doubled, **given)[3], 2 * plain + 1, rtol=1e-6
    )


def test_layer_normalisation_makes_sums_alike_before_the_bias():
    # Two units whose sums are 7 and 3 are normalised to 1 and -1.
    sums = {f"input_to_{gate}_weights": np.array([[7], [3]], np.float32) for gate in GATES}
    weights = {f"{gate}_layer_norm_weights": np.array([0.5, 2], np.float32) for gate in GATES}
    given = {
        "input": np.ones((1, 1), np.float32),
        "output_state": np.zeros((1, 2), np.float32),
        "cell_state": np.zeros((1, 2), np.float32),
    }
    tensors = cell(5, size=1, units=2, scale=0, cell_bias=[0.25, 0.25]) | sums
    _, _, cell_state, _ = compute(OperationType.LSTM, 4, **tensors, **weights, **given)
    expected = [sigmoid(0.5) * math.tanh(0.75), sigmoid(-2) * math.tanh(-1.75)]
    assert cell_state[0].tolist() == pytest.approx(expected, rel=1e-5)


def test_layer_normalisation_may_be_missing_from_the_list():
    given = {"input": SEQUENCE[0], **states(), **cell(6)}
    arguments = listed(OperationType.LSTM, **SETTINGS, **given)
    to = [output(FLOAT32)] * 4
    short = call(OperationType.LSTM, *arguments[:23], to=to)
    assert [each.tolist() for each in short] == [each.tolist() for each in call(OperationType.LSTM, *arguments, to=to)]
    assert refusal(OperationType.LSTM, *arguments[:25], to=to) == "it has 25 inputs; it must have 23 or 27"


def test_half_precision_takes_half_precision_scalars():
    tensors = {name: stored(value, FLOAT16) for name, value in {**cell(7), **states(), "input": SEQUENCE[0]}.items()}
    settings = {"activation": TANH, "cell_clip": np.float16(0), "projection_clip": np.float16(0)}
    arguments = listed(OperationType.LSTM, **tensors, **settings)
    arguments = [Operand(FLOAT16, (0,), lifetime=Lifetime.NO_VALUE) if each is OMITTED else each for each in arguments]
    outputs = call(OperationType.LSTM, *arguments, to=[output(FLOAT16)] * 4)
    wide = compute(OperationType.LSTM, 4, **{name: each.value.astype(np.float32) for name, each in tensors.items()})
    assert [each.dtype for each in outputs] == [np.float16] * 4
    assert outputs[3].tolist() == wide[3].astype(np.float16).tolist()


@pytest.mark.parametrize("time_major", [True, False])
@pytest.mark.parametrize("length", [None, 3])
def test_a_sequence_is_taken_step_by_step(time_major, length):
    tensors, state = cell(8, length=length), states(length or UNITS)
    sequence = SEQUENCE if time_major else SEQUENCE.swapaxes(0, 1).copy()
    outputs, *last = compute(
        OperationType.UNIDIRECTIONAL_SEQUENCE_LSTM, 3, input=sequence, **tensors, **state, time_major=time_major
    )
    for step in range(STEPS):
        _, state["output_state"], state["cell_state"], expected = compute(
            OperationType.LSTM, 4, input=SEQUENCE[step], **tensors, **state
        )
        np.testing.assert_allclose(outputs[step] if time_major else outputs[:, step], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last[0], state["output_state"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last[1], state["cell_state"], rtol=1e-5, atol=1e-6)


def test_the_states_after_a_sequence_come_together():
    given = {"input": SEQUENCE, **cell(8), **states(), "time_major": True}
    assert refused(OperationType.UNIDIRECTIONAL_SEQUENCE_LSTM, 2, **given) == "it has 2 outputs; it must have 1 or 3"


FORWARD, BACKWARD = cell(20), cell(21, units=2)
FORWARD_STATES, BACKWARD_STATES = states(), states(2, 2)


def bidirectional(outputs, *, backward=BACKWARD, merge=False, time_major=True, sequence=SEQUENCE, **given):
    return compute(
        OperationType.BIDIRECTIONAL_SEQUENCE_LSTM,
        outputs,
        **both(backward),
        **{"input": sequence, "merge_outputs": merge, "time_major": time_major},
        **given,
    )


def both(backward):
    forward = {f"fw_{name}": value for name, value in (FORWARD | FORWARD_STATES).items()}
    return forward | {f"bw_{name}": value for name, value in (backward | BACKWARD_STATES).items()}


def alone(sequence, tensors, state):
    return compute(
        OperationType.UNIDIRECTIONAL_SEQUENCE_LSTM, 3, input=sequence.copy(), **tensors, **state, time_major=True
    )


def assert_same(actual, expected):
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_backward_cell_starts_at_the_end():
    forward, backward, *last = bidirectional(6)
    expected_forward, *forward_states = alone(SEQUENCE, FORWARD, FORWARD_STATES)
    expected_backward, *backward_states = alone(SEQUENCE[::-1], BACKWARD, BACKWARD_STATES)
    assert_same(
        [forward, backward[::-1], *last], [expected_forward, expected_backward, *forward_states, *backward_states]
    )


def test_outputs_are_merged_and_batches_come_first_on_request():
    forward, backward = bidirectional(2)
    (merged,) = bidirectional(1, merge=True)
    assert merged.tolist() == np.concatenate([forward, backward], axis=2).tolist()
    (by_batch, *last) = bidirectional(5, merge=True, time_major=False, sequence=SEQUENCE.swapaxes(0, 1).copy())
    assert by_batch.swapaxes(0, 1).tolist() == merged.tolist()
    assert_same(last, bidirectional(6)[2:])


def test_an_auxiliary_input_goes_into_both_cells_where_they_weigh_it():
    aux = np.random.default_rng(30).uniform(-1, 1, (STEPS, BATCHES, 3)).astype(np.float32)
    weights, joined = {}, {}
    for prefix, tensors in (("fw_", FORWARD), ("bw_", BACKWARD)):
        extra = cell(31, size=3, units=len(tensors["input_bias"]))
        weights |= {f"{prefix}aux_{name}": extra[name] for name in extra if name.startswith("input_to_")}
        joined[prefix] = {
            name: np.concatenate([value, extra[name]], axis=1) if name.startswith("input_to_") else value
            for name, value in tensors.items()
        }
    forward, backward = bidirectional(2, aux_input=aux, **weights)
    sequence = np.concatenate([SEQUENCE, aux], axis=2)
    assert_same([forward], alone(sequence, joined["fw_"], FORWARD_STATES))
    assert_same([backward[::-1]], alone(sequence[::-1], joined["bw_"], BACKWARD_STATES))


def test_an_auxiliary_input_is_else_the_backward_cells():
    aux = np.random.default_rng(30).uniform(-1, 1, (STEPS, BATCHES, 3)).astype(np.float32)
    backward_cell = cell(21, size=3, units=2)
    forward, backward = bidirectional(2, backward=backward_cell, aux_input=aux)
    assert_same([forward], alone(SEQUENCE, FORWARD, FORWARD_STATES))
    assert_same([backward[::-1]], alone(aux[::-1], backward_cell, BACKWARD_STATES))


def test_auxiliary_weights_need_an_auxiliary_input():
    weights = {
        f"{prefix}aux_input_to_{gate}_weights": np.zeros((units, 3), np.float32)
        for prefix, units in (("fw_", UNITS), ("bw_", 2))
        for gate in GATES
    }
    given = {"input": SEQUENCE, "merge_outputs": False, "time_major": True, **both(BACKWARD), **weights}
    assert refused(OperationType.BIDIRECTIONAL_SEQUENCE_LSTM, 2, **given).endswith(
        "then it must have an aux_input as well"
    )
    del weights["bw_aux_input_to_cell_weights"]
    given = {"input": SEQUENCE, "merge_outputs": False, "time_major": True, **both(BACKWARD), **weights}
    assert "and no bw_aux_input_to_cell_weights" in refused(OperationType.BIDIRECTIONAL_SEQUENCE_LSTM, 2, **given)


PEEPHOLES = {f"cell_to_{gate}_weights": np.zeros(UNITS, np.float32) for gate in ("input", "forget", "output")}
NORMS = {f"{gate}_layer_norm_weights": np.zeros(UNITS, np.float32) for gate in GATES}
PROJECTION = {"projection_bias": np.zeros(UNITS, np.float32)}


def missing(name, tensors):
    return {each: value for each, value in tensors.items() if each != name}


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        (
            missing("input_bias", FORWARD),
            "it has input_to_input_weights, recurrent_to_input_weights and no input_bias; "
            "it must have all of them or none",
        ),
        (
            FORWARD | missing("cell_to_output_weights", PEEPHOLES),
            "it has cell_to_forget_weights and no cell_to_output_weights; it must have all of them or none",
        ),
        (
            FORWARD | missing("cell_to_input_weights", PEEPHOLES),
            "its cell_to_input_weights must have a value: it has one where both cell_to_forget_weights and "
            "input_to_input_weights have one, and only there",
        ),
        (
            without_input_gate(FORWARD) | PEEPHOLES,
            "its cell_to_input_weights must have no value: it has one where both cell_to_forget_weights and "
            "input_to_input_weights have one, and only there",
        ),
        (
            without_input_gate(FORWARD) | NORMS,
            "its input_layer_norm_weights must have no value: it has one where both forget_layer_norm_weights and "
            "input_to_input_weights have one, and only there",
        ),
        (
            FORWARD | missing("cell_layer_norm_weights", NORMS),
            "it has forget_layer_norm_weights, output_layer_norm_weights and no cell_layer_norm_weights; "
            "it must have all of them or none",
        ),
        (FORWARD | PROJECTION, "its projection_bias has a value and its projection_weights has none"),
        (
            FORWARD | {"recurrent_to_cell_weights": np.zeros((UNITS, 2), np.float32)},
            "its recurrent_to_cell_weights is [5, 2]; it must be [5, 5]",
        ),
        (FORWARD | {"forget_bias": np.zeros(2, np.float32)}, "its forget_bias is [2]; it must be [5]"),
    ],
)
def test_tensors_that_belong_together_are_there_together(tensors, sentence):
    assert refused(OperationType.LSTM, 4, input=SEQUENCE[0], **tensors, **states()) == sentence


def test_without_projection_output_and_state_are_alike():
    tensors = {name: value for name, value in cell(9, length=3).items() if not name.startswith("projection")}
    assert refused(OperationType.LSTM, 4, input=SEQUENCE[0], **tensors, **states(3)) == (
        "its cell_state has 5 values a batch and its output_state 3; without projection_weights they must be as many"
    )


def test_settings_outside_their_range_are_refused():
    given = {"input": SEQUENCE[0], **FORWARD, **states()}
    assert refused(OperationType.LSTM, 4, **given, activation=2).endswith(
        "is 2; it must be 0 (NONE), 1 (RELU), 3 (RELU6), 4 (TANH) or 6 (SIGMOID)"
    )
    assert refused(OperationType.LSTM, 4, **given, cell_clip=-1.0).endswith("is -1.0; it must be at least 0")


def test_what_may_be_omitted_decides_the_scratch_buffer_only_at_execution(infer):
    gate = Operand(FLOAT32, (UNITS, SIZE), lifetime=Lifetime.SUBGRAPH_INPUT)
    given = FORWARD | {"input_to_input_weights": gate}
    with pytest.raises(UnknownValueError, match="input_to_input_weights"):
        infer(OperationType.LSTM, *listed(OperationType.LSTM, input=SEQUENCE[0], **given, **states(), **SETTINGS))
