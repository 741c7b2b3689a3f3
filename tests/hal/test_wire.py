import threading
import time

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hal import errors, wire
from hal.device import (
    LONGEST_DURATION,
    Argument,
    Capabilities,
    DeviceInfo,
    ExecutionResult,
    Performance,
    Request,
    Timing,
)
from hal.model import (
    Lifetime,
    Location,
    Model,
    Operand,
    Subgraph,
)
from hal.types import DeviceType, FeatureLevel, OperandType, ResultCode
from protos.nnhal.v1 import device_pb2, model_pb2
from tests.hal.strategies import indexes, models


class Memory:
    """Shared memory as far as conversion sees it; what has a location already stays there."""

    def __init__(self):
        self.held = {}

    def place(self, data, location):
        location = location or Location("ours", len(self.held), data.size)
        if location in self.held:
            reject()  # two constants in one place would have to be equal
        self.held[location] = data.copy()
        return location

    def resolve(self, location):
        return self.held[location]


@given(models)
def test_models_come_back_as_they_were_through_shared_memory(model):
    memory = Memory()
    message = model_pb2.Model.FromString(wire.model_to_wire(model, memory.place).SerializeToString())
    assert wire.model_from_wire(message, memory.resolve) == model


@given(models)
def test_models_come_back_inline_but_for_where_they_were(model):
    message = model_pb2.Model.FromString(wire.model_to_wire(model, lambda data, location: None).SerializeToString())
    back = wire.model_from_wire(message, lambda location: pytest.fail("nothing is shared"))
    for subgraph, other in zip((model.main, *model.referenced), (back.main, *back.referenced)):
        for operand, received in zip(subgraph.operands, other.operands):
            assert received.location is None
            if operand.value is not None:
                assert operand.value.tobytes() == received.value.tobytes()


def test_constants_that_decide_anything_are_copied_and_cannot_be_changed_afterwards():
    shared = np.arange(64, dtype=np.int32)
    operand = Operand(OperandType.TENSOR_INT32, (64,), lifetime=Lifetime.CONSTANT_COPY, value=shared)
    memory = Memory()
    message = wire.model_to_wire(Model(Subgraph((operand,), (), (), ())), memory.place)
    received = wire.model_from_wire(message, memory.resolve).main.operands[0].value
    for data in memory.held.values():
        data[:] = 255
    np.testing.assert_array_equal(received, shared)
    assert not received.flags.writeable


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": 16}, "operand type 16 is unknown"),
        ({"lifetime": 7}, "operand 0's lifetime 7 is unknown"),
        ({"location": None}, "operand 0: its location is missing"),
        ({"dimensions": [3]}, "operand 0: its value has 8 bytes; TENSOR_FLOAT32 [3] must have 12"),
        ({"dimensions": [2**31, 2**31]}, "must have 18446744073709551616"),
        ({"type": 15}, "operand 0: a MODEL operand is no constant"),
    ],
)
def test_messages_of_the_wrong_form_are_refused(change, reason):
    location = model_pb2.Location(inline=bytes(8))
    message = model_pb2.Operand(
        **{
            "type": OperandType.TENSOR_FLOAT32,
            "dimensions": [2],
            "lifetime": Lifetime.CONSTANT_COPY,
            "location": location,
            **change,
        }
    )
    model = model_pb2.Model(main=model_pb2.Subgraph(operands=[message]))
    with pytest.raises(errors.BadDataError) as raised:
        wire.model_from_wire(model, lambda location: np.zeros(0, np.uint8))
    assert reason in str(raised.value)


def test_an_unknown_operation_type_is_refused():
    model = model_pb2.Model(main=model_pb2.Subgraph(operations=[model_pb2.Operation(type=5000)]))
    with pytest.raises(errors.BadDataError, match="operation type 5000 is unknown"):
        wire.model_from_wire(model, lambda location: np.zeros(0, np.uint8))


ERRORS = [wire.error_class(code) for code in ResultCode if code is not ResultCode.NO_ERROR]
index = st.none() | st.integers(0, 2**32 - 1)


@given(st.sampled_from(ERRORS), st.text(), index, index, st.lists(indexes, max_size=3).map(tuple))
def test_errors_come_back_as_they_were(kind, message, operand, operation, dimensions):
    error = kind(message, operand=operand, operation=operation, dimensions=dimensions)
    back = wire.error_from_wire(wire.error_to_wire(error))
    assert type(back) is kind
    assert str(back) == message
    assert (back.operand, back.operation, back.dimensions) == (operand, operation, dimensions)


@pytest.mark.parametrize("code", [0, 99, -1])
def test_an_error_without_a_known_code_is_a_failure(code):
    assert isinstance(wire.error_from_wire(device_pb2.Error(code=code, message="?")), errors.OpFailedError)


def test_info_and_capabilities_come_back_as_they_were():
    info = DeviceInfo("npu", "2.1", DeviceType.ACCELERATOR, FeatureLevel.LEVEL_6, ("com.example.one",))
    assert wire.info_from_wire(wire.info_to_wire(info)) == info
    performance = [Performance(0.5 * n, 0.25 * n) for n in range(5)]
    capabilities = Capabilities({OperandType.TENSOR_FLOAT16: performance[0]}, *performance[1:])
    assert wire.capabilities_from_wire(wire.capabilities_to_wire(capabilities)) == capabilities


def test_a_device_that_talks_nonsense_is_refused():
    message = wire.info_to_wire(DeviceInfo("x", "1", DeviceType.CPU, FeatureLevel.LEVEL_1))
    message.feature_level = 12
    with pytest.raises(errors.BadDataError, match="feature level 12 is unknown"):
        wire.info_from_wire(message)


@given(st.floats(0, 1e12) | st.none(), st.floats(0, 1e12) | st.none())
def test_durations_of_a_request_keep_their_meaning(timeout, loop_timeout):
    request = Request([Argument(None)], [], timeout=timeout, loop_timeout=loop_timeout)
    message = wire.request_to_wire(3, request, local=True)
    assert message.HasField("timeout_ns") == (timeout is not None)
    if timeout is not None:
        assert message.timeout_ns == min(round(timeout * 1e9), 2**64 - 1)
    assert message.HasField("loop_timeout_ns") == (loop_timeout is not None)
    assert not message.inputs[0].HasField("location")


@given(st.integers(0, 2**64 - 1))
def test_durations_are_at_most_the_longest_that_clocks_can_hold(nanoseconds):
    assert wire.seconds(nanoseconds) == min(nanoseconds / 1e9, LONGEST_DURATION)
    assert time.monotonic() + wire.seconds(nanoseconds) < threading.TIMEOUT_MAX


def test_results_come_back_as_they_were():
    result = ExecutionResult(((1, 2), (3,)), Timing(5, None))
    assert wire.result_from_wire(wire.result_to_wire(result, [None, None])) == result
