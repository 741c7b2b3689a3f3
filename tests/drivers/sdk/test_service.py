"""A driver as a client on the wire meets it."""

import threading
import time
from dataclasses import replace

import grpc
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.memory import Folder, Region
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperationType, ResultCode
from hal.wire import MESSAGE_LIMIT, model_to_wire
from protos.nnhal.v1 import device_pb2, model_pb2
from tests.drivers.sdk.calls import (
    details,
    error_of,
    execute,
    floats,
    inline,
    iter_until_prepared,
    prepared,
    relu,
    request,
)
from tests.support import FLOAT, Input, constant, single


def test_health(service):
    stub = health_pb2_grpc.HealthStub(service.channel)
    for name in ("", "nnhal.v1.Device"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_service_and_its_file(service):
    stub = reflection_pb2_grpc.ServerReflectionStub(service.channel)
    ask = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="nnhal.v1.Device"),
    ]
    listed, file = stub.ServerReflectionInfo(iter(ask))
    assert "nnhal.v1.Device" in [each.name for each in listed.list_services_response.service]
    assert b"PrepareModelFromCache" in file.file_descriptor_response.file_descriptor_proto[0]


def test_a_network_client_sends_and_gets_bytes_inline(network_service):
    call, token = prepared(network_service)
    np.testing.assert_array_equal(execute(network_service, token, [-1, 2, -3, 4]), [0, 2, 0, 4])
    call.cancel()


def test_a_network_client_cannot_name_shared_memory(network_service):
    call, token = prepared(network_service)
    place = model_pb2.Location.Shared(region="app-1-a/r0", offset=0, length=16)
    argument = device_pb2.Argument(location=model_pb2.Location(shared=place))
    request = device_pb2.ExecuteRequest(prepared_model=token, inputs=[argument], outputs=[inline([])])
    error = error_of(lambda: network_service.stub.Execute(request))
    assert error.code == ResultCode.BAD_DATA
    assert "send bytes inline" in error.message
    call.cancel()


def test_a_prepared_model_lives_as_long_as_its_call(service):
    call, token = prepared(service)
    np.testing.assert_array_equal(execute(service, token, [1, -1, 1, -1]), [1, 0, 1, 0])
    call.cancel()
    deadline = time.monotonic() + 10
    while True:
        try:
            execute(service, token, [1, -1, 1, -1])
        except grpc.RpcError:
            break
        assert time.monotonic() < deadline, "the prepared model outlives its call"
    error = error_of(lambda: execute(service, token, [0, 0, 0, 0]))
    assert error.code == ResultCode.BAD_DATA
    assert "not the token of a prepared model" in error.message


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("../../etc/passwd", "not the name"),
        ("/dev/zero", "not the name"),
        ("app-1-0/r0", "there is no shared-memory region"),
        ("", "not the name"),
    ],
)
def test_only_published_regions_are_opened(service, region, reason):
    call, token = prepared(service)
    place = model_pb2.Location.Shared(region=region, offset=0, length=16)
    argument = device_pb2.Argument(location=model_pb2.Location(shared=place))
    request = device_pb2.ExecuteRequest(prepared_model=token, inputs=[argument], outputs=[inline([])])
    error = error_of(lambda: service.stub.Execute(request))
    assert error.code == ResultCode.BAD_DATA
    assert reason in error.message
    call.cancel()


@pytest.mark.parametrize(("offset", "length"), [(0, 4100), (4096, 1), (2**63, 16), (2**64 - 1, 2**64 - 1), (4090, 16)])
def test_a_region_too_small_is_refused(service, offset, length):
    folder = Folder()
    region = Region.create(folder, 4096)
    call, token = prepared(service)
    place = model_pb2.Location.Shared(region=region.name, offset=offset, length=length)
    argument = device_pb2.Argument(location=model_pb2.Location(shared=place))
    request = device_pb2.ExecuteRequest(prepared_model=token, inputs=[argument], outputs=[inline([])])
    error = error_of(lambda: service.stub.Execute(request))
    assert error.code == ResultCode.BAD_DATA
    assert "reach beyond the 4096 bytes" in error.message
    call.cancel()
    folder.remove()


def test_a_message_over_the_limit_is_refused_and_the_service_goes_on(service):
    model = relu()
    model.main.operands[0].extension_data = bytes(MESSAGE_LIMIT + 1)
    with pytest.raises(grpc.RpcError) as raised:
        service.stub.GetSupportedOperations(device_pb2.GetSupportedOperationsRequest(model=model))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert service.stub.GetInfo(device_pb2.GetInfoRequest()).name == "cpu"


def test_a_client_that_goes_away_in_the_middle_costs_the_others_nothing(service):
    large, _ = single(
        OperationType.FULLY_CONNECTED,
        np.zeros((1, 2048), np.float32).view(Input),
        np.ones((2048, 2048), np.float32),
        np.zeros(2048, np.float32),
        0,
    )
    request = device_pb2.PrepareModelRequest(model=model_to_wire(large, lambda data, location: None))
    for delay in np.linspace(0, 0.05, 15):
        call = service.stub.PrepareModel(request)
        threading.Event().wait(delay)
        call.cancel()
    call, token = prepared(service)
    np.testing.assert_array_equal(execute(service, token, [-1, 2, -3, 4]), [0, 2, 0, 4])
    call.cancel()


def test_a_deadline_for_preparing_that_cannot_be_met(service):
    request = device_pb2.PrepareModelRequest(model=relu(), timeout_ns=0)
    error = error_of(lambda: list(iter_until_prepared(service.stub.PrepareModel(request))))
    assert error.code == ResultCode.MISSED_DEADLINE_PERSISTENT


def test_the_longest_times_that_the_wire_has_are_no_limit(service):
    longest = 2**64 - 1
    call, token = prepared(service, timeout_ns=longest)
    response = service.stub.Execute(request(token, [-1, 2, -3, 4], timeout_ns=longest, loop_timeout_ns=longest))
    assert floats(response.outputs[0].inline).tolist() == [0, 2, 0, 4]
    call.cancel()


def test_nonsense_preferences_are_refused(service):
    for field in ("preference", "priority"):
        request = device_pb2.PrepareModelRequest(model=relu())
        setattr(request, field, 77)
        error = error_of(lambda request=request: list(service.stub.PrepareModel(request)))
        assert error.code == ResultCode.BAD_DATA
        assert "77" in error.message


def test_sizes_that_overflow(service):
    model = relu()
    for operand in model.main.operands:
        operand.dimensions[:] = [2**31, 2**31, 4]
    error = error_of(lambda: service.stub.GetSupportedOperations(device_pb2.GetSupportedOperationsRequest(model=model)))
    assert error.code == ResultCode.BAD_DATA


def test_temporaries_larger_than_the_machine_are_refused(service):
    """64 tensors of 3 GiB, all needed at once: each by itself is a sound operand."""
    size, count = 3 * 2**28, 64
    none = constant(0)
    operands = [Operand(FLOAT, (size,), lifetime=Lifetime.SUBGRAPH_INPUT), none]
    operations = []
    for _ in range(count):
        operations.append(Operation(OperationType.RELU, (0,), (len(operands),)))
        operands.append(Operand(FLOAT, (size,)))
    total = 2
    for index in range(3, 2 + count):
        operations.append(Operation(OperationType.ADD, (total, index, 1), (len(operands),)))
        total = len(operands)
        operands.append(Operand(FLOAT, (size,)))
    operands[total] = replace(operands[total], lifetime=Lifetime.SUBGRAPH_OUTPUT)
    model = Model(Subgraph(tuple(operands), tuple(operations), (0,), (total,)))
    request = device_pb2.PrepareModelRequest(model=model_to_wire(model, lambda data, location: None))
    error = error_of(lambda: list(iter_until_prepared(service.stub.PrepareModel(request))))
    assert error.code == ResultCode.RESOURCE_EXHAUSTED_PERSISTENT
    assert "more than this machine's" in error.message


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_broken_models_get_a_code_and_a_sentence(service, data):
    """A valid model's message with some of its bytes changed, if it is still a message."""
    whole = bytearray(relu().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    model = model_pb2.Model()
    try:
        model.ParseFromString(bytes(whole))
    except DecodeError:
        return
    try:
        service.stub.GetSupportedOperations(device_pb2.GetSupportedOperationsRequest(model=model))
        call, _ = prepared(service, model)
        call.cancel()
    except grpc.RpcError as raised:
        error = details(raised)
        assert error.code in (ResultCode.BAD_DATA, ResultCode.RESOURCE_EXHAUSTED_PERSISTENT), error
        assert len(error.message) > 10
