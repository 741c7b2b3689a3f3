"""NNAPI errors as gRPC statuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2
from grpc_status import rpc_status

from hal.errors import NnapiError, OpFailedError, OutOfMemoryError
from hal.types import ResultCode
from hal.wire import error_to_wire

_STATUS = {
    ResultCode.OUT_OF_MEMORY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ResultCode.INCOMPLETE: grpc.StatusCode.FAILED_PRECONDITION,
    ResultCode.UNEXPECTED_NULL: grpc.StatusCode.INVALID_ARGUMENT,
    ResultCode.BAD_DATA: grpc.StatusCode.INVALID_ARGUMENT,
    ResultCode.OP_FAILED: grpc.StatusCode.INTERNAL,
    ResultCode.BAD_STATE: grpc.StatusCode.FAILED_PRECONDITION,
    ResultCode.UNMAPPABLE: grpc.StatusCode.INVALID_ARGUMENT,
    ResultCode.OUTPUT_INSUFFICIENT_SIZE: grpc.StatusCode.INVALID_ARGUMENT,
    ResultCode.UNAVAILABLE_DEVICE: grpc.StatusCode.UNAVAILABLE,
    ResultCode.MISSED_DEADLINE_TRANSIENT: grpc.StatusCode.DEADLINE_EXCEEDED,
    ResultCode.MISSED_DEADLINE_PERSISTENT: grpc.StatusCode.DEADLINE_EXCEEDED,
    ResultCode.RESOURCE_EXHAUSTED_TRANSIENT: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ResultCode.RESOURCE_EXHAUSTED_PERSISTENT: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ResultCode.DEAD_OBJECT: grpc.StatusCode.UNAVAILABLE,
}


@contextmanager
def reported(context: grpc.ServicerContext) -> Iterator[None]:
    """End the call with the status of whatever NNAPI error is raised within.

    Any other exception is the driver's own fault: it is logged, and the client gets ``OP_FAILED``.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- the client hears of it
        _abort(context, as_nnapi(error))


def as_nnapi(error: Exception) -> NnapiError:
    """The NNAPI error that a client hears of; what is the driver's own fault is logged."""
    if isinstance(error, NnapiError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemoryError("the driver has no memory left for this call")
    logging.getLogger(__name__).error("the driver failed", exc_info=error)
    return OpFailedError(f"the driver failed: {type(error).__name__}; its log tells where")


def _abort(context: grpc.ServicerContext, error: NnapiError) -> NoReturn:
    details = any_pb2.Any()
    details.Pack(error_to_wire(error))
    status = status_pb2.Status(code=_STATUS[error.code].value[0], message=str(error), details=[details])
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort_with_status returned")
