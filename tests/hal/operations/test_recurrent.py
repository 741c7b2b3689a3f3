import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations.declaration import UnknownValueError
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT32, call, operand, output, refusal, stored

NONE, RELU = 0, 1
OMITTED = Operand(FLOAT32, (0,), lifetime=Lifetime.NO_VALUE)
TO = [output(FLOAT32)]
BATCHES, STEPS, SIZE = 2, 3, 4


def floats(*values):
    return np.array(values, np.float32)


def random(seed, *shape):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def cell(seed, units, size=SIZE):
    return (
        random(seed, units, size),
        random(seed + 1, units, units),
        random(seed + 2, units),
        random(seed + 3, BATCHES, units),
    )


FORWARD, BACKWARD = cell(10, 5), cell(20, 2)
SEQUENCE = random(1, STEPS, BATCHES, SIZE)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


def unrolled(sequence, weights, recurrent_weights, bias, state):
    """Step by step, by the definition."""
    states = []
    for values in sequence:
        state = np.maximum(values @ weights.T + state @ recurrent_weights.T + bias, 0)
        states.append(state)
    return np.array(states)


def test_rnn_weighs_its_input_and_its_state():
    arguments = floats((1, 2)), floats((3, 4)), floats((0.5,)), floats(-1), floats((8,))
    state, result = call(OperationType.RNN, *arguments, NONE, to=TO * 2)
    assert result.tolist() == state.tolist() == [[1 * 3 + 2 * 4 + 8 * 0.5 - 1]]
    negative = floats((-1, -2)), *arguments[1:]
    assert call(OperationType.RNN, *negative, NONE, to=TO * 2)[1].tolist() == [[-8]]
    assert call(OperationType.RNN, *negative, RELU, to=TO * 2)[1].tolist() == [[0]]
    omitted = Operand(operand(NONE).type, lifetime=Lifetime.NO_VALUE)
    assert call(OperationType.RNN, *negative, omitted, to=TO * 2)[1].tolist() == [[-8]]


def test_rnn_in_half_precision_rounds_what_it_gives():
    one_third = [stored(values, FLOAT16) for values in ([[1]], [[1 / 3]], [[0]], [0], [[0]])]
    _, result = call(OperationType.RNN, *one_third, NONE, to=[output(FLOAT16)] * 2)
    assert result.tolist() == [[np.float16(1 / 3)]]


@pytest.mark.parametrize(
    ("position", "shape", "sentence"),
    [
        (1, (5, 3), "its weights is [5, 3]; it must be [5, 4]"),
        (2, (5, 4), "its recurrent_weights is [5, 4]; it must be [5, 5]"),
        (3, (4,), "its bias is [4]; it must be [5]"),
        (4, (3, 5), "its hidden_state is [3, 5]; it must be [2, 5]"),
    ],
)
def test_rnn_refuses_tensors_that_do_not_fit(position, shape, sentence):
    arguments = [SEQUENCE[0], *FORWARD, RELU]
    arguments[position] = random(0, *shape)
    assert refusal(OperationType.RNN, *arguments, to=TO * 2) == sentence


@pytest.mark.parametrize("time_major", [0, 1])
def test_a_sequence_is_taken_step_by_step(time_major):
    sequence = SEQUENCE if time_major else SEQUENCE.swapaxes(0, 1).copy()
    outputs, state = call(OperationType.UNIDIRECTIONAL_SEQUENCE_RNN, sequence, *FORWARD, RELU, time_major, to=TO * 2)
    expected = unrolled(SEQUENCE, *FORWARD)
    close(outputs if time_major else outputs.swapaxes(0, 1), expected)
    close(state, expected[-1])
    (alone,) = call(OperationType.UNIDIRECTIONAL_SEQUENCE_RNN, sequence, *FORWARD, RELU, time_major, to=TO)
    assert alone.tolist() == outputs.tolist()


def test_time_is_first_or_not():
    arguments = (SEQUENCE, *FORWARD, RELU, 2)
    assert refusal(OperationType.UNIDIRECTIONAL_SEQUENCE_RNN, *arguments, to=TO) == (
        "input 6 ('time_major', operand 6) is 2; it must be 0 (NO) or 1 (YES)"
    )


def bidirectional(*, sequence=SEQUENCE, backward=BACKWARD, aux=(OMITTED,) * 3, time_major=True, merge=False, outputs=4):
    arguments = (sequence, *FORWARD, *backward, *aux, RELU, time_major, merge)
    return call(OperationType.BIDIRECTIONAL_SEQUENCE_RNN, *arguments, to=TO * outputs)


def test_the_backward_cell_starts_at_the_end():
    forward, backward, forward_state, backward_state = bidirectional()
    close(forward, unrolled(SEQUENCE, *FORWARD))
    close(backward[::-1], unrolled(SEQUENCE[::-1], *BACKWARD))
    assert forward_state.tolist() == forward[-1].tolist()
    assert backward_state.tolist() == backward[0].tolist()


def test_batches_may_come_first_in_both_directions():
    forward, backward = bidirectional(outputs=2)
    by_batch = bidirectional(sequence=SEQUENCE.swapaxes(0, 1).copy(), time_major=False, outputs=2)
    assert [each.swapaxes(0, 1).tolist() for each in by_batch] == [forward.tolist(), backward.tolist()]


def test_outputs_are_merged_on_request():
    forward, backward, *states = bidirectional()
    merged, *merged_states = bidirectional(merge=True, outputs=3)
    assert merged.tolist() == np.concatenate([forward, backward], axis=2).tolist()
    assert [state.tolist() for state in merged_states] == [state.tolist() for state in states]
    assert bidirectional(merge=True, outputs=1)[0].tolist() == merged.tolist()


@pytest.mark.parametrize(("merge", "outputs"), [(True, 2), (True, 4), (False, 1), (False, 3)])
def test_merging_decides_how_many_outputs_there_are(merge, outputs):
    arguments = (SEQUENCE, *FORWARD, *BACKWARD, *(OMITTED,) * 3, RELU, True, merge)
    assert refusal(OperationType.BIDIRECTIONAL_SEQUENCE_RNN, *arguments, to=TO * outputs) == (
        f"it has {outputs} outputs and merge_outputs is {'true' if merge else 'false'}; "
        "it must have an output for the backward cell where it does not merge them, and only there"
    )


def test_an_auxiliary_input_goes_into_both_cells_where_they_weigh_it():
    aux, weights = random(2, STEPS, BATCHES, 3), (random(3, 5, 3), random(4, 2, 3))
    forward, backward = bidirectional(aux=(aux, *weights), outputs=2)
    joined = np.concatenate([SEQUENCE, aux], axis=2)
    joined_cells = [
        (np.concatenate([own[0], each], axis=1), *own[1:]) for own, each in zip((FORWARD, BACKWARD), weights)
    ]
    close(forward, unrolled(joined, *joined_cells[0]))
    close(backward[::-1], unrolled(joined[::-1], *joined_cells[1]))


def test_an_auxiliary_input_is_else_the_backward_cells():
    aux, backward_cell = random(2, STEPS, BATCHES, 3), cell(20, 2, size=3)
    forward, backward = bidirectional(backward=backward_cell, aux=(aux, OMITTED, OMITTED), outputs=2)
    close(forward, unrolled(SEQUENCE, *FORWARD))
    close(backward[::-1], unrolled(aux[::-1], *backward_cell))


@pytest.mark.parametrize(
    ("aux", "sentence"),
    [
        (
            (random(2, STEPS, BATCHES, 3), random(3, 5, 3), OMITTED),
            "it has fw_aux_weights and no bw_aux_weights; it must have all of them or none",
        ),
        (
            (OMITTED, random(3, 5, 3), random(3, 2, 3)),
            "it has fw_aux_weights, bw_aux_weights; then it must have an aux_input as well",
        ),
        (
            (random(2, STEPS, BATCHES + 1, 3), random(3, 5, 3), random(3, 2, 3)),
            "its aux_input is [3, 3, 3]; it must be [3, 2, 3]",
        ),
        (
            (random(2, STEPS, BATCHES, 3), random(3, 5, 3), random(3, 2, 4)),
            "its bw_aux_weights is [2, 4]; it must be [2, 3]",
        ),
    ],
)
def test_auxiliary_tensors_must_fit(aux, sentence):
    arguments = (SEQUENCE, *FORWARD, *BACKWARD, *aux, RELU, True, False)
    assert refusal(OperationType.BIDIRECTIONAL_SEQUENCE_RNN, *arguments, to=TO * 2) == sentence


def test_whether_an_auxiliary_input_is_there_may_be_known_only_at_execution(infer):
    aux = Operand(FLOAT32, (STEPS, BATCHES, 3), lifetime=Lifetime.SUBGRAPH_INPUT)
    arguments = (SEQUENCE, *FORWARD, *BACKWARD, aux, OMITTED, OMITTED, RELU, True, False)
    with pytest.raises(UnknownValueError, match="aux_input"):
        infer(OperationType.BIDIRECTIONAL_SEQUENCE_RNN, *arguments)


def test_cells_take_floating_numbers():
    arguments = [np.ones((1, 1), np.int32)] * 3 + [np.ones(1, np.int32), np.ones((1, 1), np.int32), RELU]
    assert refusal(OperationType.RNN, *arguments, to=[output(INT32)] * 2) == (
        "input 0 (operand 0) is TENSOR_INT32; it must be TENSOR_FLOAT16 or TENSOR_FLOAT32"
    )
