"""Device memory in a real driver process."""

import time

import grpc
import numpy as np
import pytest

from hal.memory import Region
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType, ResultCode
from hal.wire import model_to_wire
from protos.nnhal.v1 import device_pb2, model_pb2
from tests.drivers.sdk.calls import error_of, execute, floats, inline, prepared, relu, shared
from tests.support import FLOAT


def unary(operand_type=FLOAT, dimensions=(4,)):
    operands = (
        Operand(operand_type, dimensions, lifetime=Lifetime.SUBGRAPH_INPUT),
        Operand(operand_type, dimensions, lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    model = Model(Subgraph(operands, (Operation(OperationType.RELU, (0,), (1,)),), (0,), (1,)))
    return model_to_wire(model, lambda data, location: None)


@pytest.fixture
def token(service):
    call, token = prepared(service)
    yield token
    call.cancel()


@pytest.fixture
def open_token(service):
    """Of a model whose dimensions are open."""
    call, token = prepared(service, unary(dimensions=(0,)))
    yield token
    call.cancel()


@pytest.fixture
def allocate(service):
    """Allocates memory for the input and output 0 of prepared models."""
    calls = []

    def allocate(inputs=(), outputs=(), dimensions=()):
        request = device_pb2.AllocateRequest(
            dimensions=device_pb2.Dimensions(sizes=dimensions),
            inputs=[device_pb2.Role(prepared_model=token) for token in inputs],
            outputs=[device_pb2.Role(prepared_model=token) for token in outputs],
        )
        calls.append(service.stub.Allocate(request))
        return next(calls[-1]).memory

    yield allocate
    for call in calls:
        call.cancel()


def fill(service, memory, values, dimensions=()):
    location = model_pb2.Location(inline=np.asarray(values, np.float32).tobytes())
    request = device_pb2.CopyRequest(memory=memory, location=location, to_device=True)
    request.dimensions.sizes.extend(dimensions)
    return service.stub.Copy(request)


def content(service, memory):
    response = service.stub.Copy(device_pb2.CopyRequest(memory=memory, location=model_pb2.Location(inline=b"")))
    return floats(response.inline).tolist(), tuple(response.dimensions.sizes)


def run(service, token, source, target, dimensions=()):
    """Execute with arguments that are memories' tokens or argument messages."""
    arguments = [device_pb2.Argument(memory=each) if isinstance(each, int) else each for each in (source, target)]
    arguments[0].dimensions.sizes.extend(dimensions)
    request = device_pb2.ExecuteRequest(prepared_model=token, inputs=arguments[:1], outputs=arguments[1:])
    return service.stub.Execute(request)


def test_an_execution_reads_and_writes_memory(service, token, allocate):
    first, second = allocate([token], [token]), allocate([token], [token])
    fill(service, first, [1, -2, 3, -4])
    run(service, token, first, second)
    assert content(service, second) == ([1, 0, 3, 0], (4,))
    assert content(service, first) == ([1, -2, 3, -4], (4,))
    response = run(service, token, second, inline([]))
    assert floats(response.outputs[0].inline).tolist() == [1, 0, 3, 0]


def test_memory_that_is_read_and_written_at_once(service, token, allocate):
    memory = allocate([token], [token])
    fill(service, memory, [1, -2, 3, -4])
    run(service, token, memory, memory)
    assert content(service, memory) == ([1, 0, 3, 0], (4,))


def test_a_copy_through_shared_memory(service, token, allocate, folder):
    region = Region.create(folder, 32)
    region.data[16:] = np.array([5, 6, 7, 8], np.float32).view(np.uint8)
    memory = allocate([token])
    place = shared(region, 16, 16)
    assert service.stub.Copy(
        device_pb2.CopyRequest(memory=memory, location=place, to_device=True)
    ).dimensions.sizes == [4]
    service.stub.Copy(device_pb2.CopyRequest(memory=memory, location=shared(region, 16)))
    assert region.data[:16].view(np.float32).tolist() == [5, 6, 7, 8]


def test_memory_without_content(service, token, allocate):
    memory = allocate([token], [token])
    error = error_of(lambda: content(service, memory))
    assert error.code == ResultCode.BAD_DATA
    error = error_of(lambda: run(service, token, memory, inline([])))
    assert (error.code, "no content" in error.message) == (ResultCode.OP_FAILED, True)


def test_a_failed_execution_or_copy_leaves_no_content(service, token, allocate):
    memory, other = allocate([token], [token]), allocate([token])
    fill(service, memory, [1, 2, 3, 4])
    error_of(lambda: run(service, token, other, memory))  # `other` has no content
    assert error_of(lambda: content(service, memory)).code == ResultCode.BAD_DATA
    fill(service, memory, [1, 2, 3, 4])
    assert error_of(lambda: fill(service, memory, [1, 2, 3])).code == ResultCode.BAD_DATA
    assert error_of(lambda: content(service, memory)).code == ResultCode.BAD_DATA


def test_memory_of_open_dimensions_takes_what_comes(service, open_token, allocate):
    memory = allocate([open_token], [open_token])
    assert error_of(lambda: fill(service, memory, [1, 2])).code == ResultCode.BAD_DATA
    for size in (3, 1, 50):
        source = inline(np.arange(size) - 1)
        run(service, open_token, source, memory, (size,))
        values = np.maximum(np.arange(size) - 1, 0).tolist()
        assert content(service, memory) == (values, (size,))
        response = run(service, open_token, memory, inline([]))
        assert floats(response.outputs[0].inline).tolist() == values
    error = error_of(lambda: run(service, open_token, memory, inline([]), (3,)))
    assert (error.code, "has dimensions [50]" in error.message) == (ResultCode.OP_FAILED, True)
    fill(service, memory, [7, 8], (2,))
    assert content(service, memory) == ([7, 8], (2,))


def test_memory_of_known_dimensions_refuses_others(service, open_token, allocate):
    memory = allocate([], [open_token], (3,))
    error = error_of(lambda: run(service, open_token, inline([1, 2]), memory, (2,)))
    assert error.code == ResultCode.OP_FAILED
    assert error_of(lambda: content(service, memory)).code == ResultCode.BAD_DATA
    run(service, open_token, inline([1, 2, 3]), memory, (3,))
    assert content(service, memory) == ([1, 2, 3], (3,))


def test_memory_plays_no_other_role(service, token, open_token, allocate):
    memory = allocate([token])
    fill(service, memory, [1, 2, 3, 4])
    for call in (
        lambda: run(service, token, inline([1, 2, 3, 4]), memory),
        lambda: run(service, open_token, memory, inline([])),
    ):
        error = error_of(call)
        assert (error.code, "was not allocated to be" in error.message) == (ResultCode.BAD_DATA, True)
    assert error_of(lambda: run(service, token, 999, inline([]))).code == ResultCode.BAD_DATA
    both = device_pb2.Argument(memory=memory, location=model_pb2.Location(inline=b""))
    assert "one of them" in error_of(lambda: run(service, token, both, inline([]))).message


def test_allocations_that_cannot_be(service, token, allocate):
    other_call, other = prepared(service, relu(5))
    half_call, half = prepared(service, unary(OperandType.TENSOR_FLOAT16))
    for arguments, reason in (
        (((), ()), "without a role"),
        (((999,), ()), "not the token"),
        (((token, other), ()), "dimensions"),
        (((token, half), ()), "must agree"),
        (((token,), (), (5,)), "dimensions"),
    ):
        error = error_of(lambda arguments=arguments: allocate(*arguments))
        assert (error.code, reason in error.message) == (ResultCode.BAD_DATA, True), error.message
    request = device_pb2.AllocateRequest(inputs=[device_pb2.Role(prepared_model=token, index=1)])
    assert "no input 1" in error_of(lambda: list(service.stub.Allocate(request))).message
    other_call.cancel()
    half_call.cancel()


def test_memory_lives_as_long_as_its_call(service, token):
    call = service.stub.Allocate(device_pb2.AllocateRequest(inputs=[device_pb2.Role(prepared_model=token)]))
    memory = next(call).memory
    fill(service, memory, [1, 2, 3, 4])
    call.cancel()
    deadline = time.monotonic() + 10
    while True:
        try:
            content(service, memory)
        except grpc.RpcError:
            break
        assert time.monotonic() < deadline, "the memory outlives its call"
    assert "not the token of a memory" in error_of(lambda: content(service, memory)).message
    np.testing.assert_array_equal(execute(service, token, [1, -1, 1, -1]), [1, 0, 1, 0])
