"""Calls that a bare client on the wire makes."""

import numpy as np
import pytest
from grpc import RpcError
from grpc_status import rpc_status

from hal.types import OperationType
from hal.wire import model_to_wire
from protos.nnhal.v1 import device_pb2, model_pb2
from tests.support import Input, single


def relu(size=4):
    model, _ = single(OperationType.RELU, np.zeros(size, np.float32).view(Input))
    return model_to_wire(model, lambda data, location: None)


def details(raised):
    """The NNAPI error in a call's status."""
    status = rpc_status.from_call(raised)
    assert status is not None, raised
    error = device_pb2.Error()
    assert status.details[0].Unpack(error)
    return error


def error_of(call):
    """The NNAPI error that a failing call carries."""
    with pytest.raises(RpcError) as raised:
        call()
    return details(raised.value)


def iter_until_prepared(call):
    for update in call:
        yield update
        if update.WhichOneof("update") == "prepared":
            return


def prepared(service, model=None, **fields):
    """The call that holds a prepared model, and the model's token."""
    call = service.stub.PrepareModel(device_pb2.PrepareModelRequest(model=model or relu(), **fields))
    *_, last = iter_until_prepared(call)
    return call, last.prepared.token


def inline(values):
    return device_pb2.Argument(location=model_pb2.Location(inline=np.asarray(values, np.float32).tobytes()))


def shared(region, size, offset=0):
    """A place in a region."""
    place = model_pb2.Location.Shared(region=region.name, offset=offset, length=size)
    return model_pb2.Location(shared=place)


def request(token, values, **fields):
    """An execution with inline input and output."""
    return device_pb2.ExecuteRequest(prepared_model=token, inputs=[inline(values)], outputs=[inline([])], **fields)


def execute(service, token, values):
    return floats(service.stub.Execute(request(token, values)).outputs[0].inline)


def floats(data):
    return np.frombuffer(data, np.float32)
