"""One exception for each NNAPI result code, carrying what it is about."""

from __future__ import annotations

from typing import ClassVar

from hal.types import ResultCode


class NnapiError(Exception):
    """A call that ended with a result code other than ``NO_ERROR``.

    ``code`` is the result code, ``str(error)`` a sentence that names what is wrong. ``operand`` and
    ``operation`` are indexes in the main subgraph where the error is about one, and ``dimensions``
    the needed output dimensions, by output, where the code is ``OUTPUT_INSUFFICIENT_SIZE``.
    """

    code: ClassVar[ResultCode]

    def __init__(
        self,
        message: str,
        *,
        operand: int | None = None,
        operation: int | None = None,
        dimensions: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        super().__init__(message)
        self.operand = operand
        self.operation = operation
        self.dimensions = dimensions


class OutOfMemoryError(NnapiError):
    """Memory could not be had."""

    code = ResultCode.OUT_OF_MEMORY


class IncompleteError(NnapiError):
    """An object is not finished."""

    code = ResultCode.INCOMPLETE


class UnexpectedNullError(NnapiError):
    """A value that must be there is missing."""

    code = ResultCode.UNEXPECTED_NULL


class BadDataError(NnapiError):
    """A value breaks the rules of the call, the model or the request."""

    code = ResultCode.BAD_DATA


class OpFailedError(NnapiError):
    """A well-formed request could not be carried out."""

    code = ResultCode.OP_FAILED


class BadStateError(NnapiError):
    """The object is not in the state that the call needs."""

    code = ResultCode.BAD_STATE


class UnmappableError(NnapiError):
    """A memory cannot be mapped."""

    code = ResultCode.UNMAPPABLE


class OutputInsufficientSizeError(NnapiError):
    """An output's buffer is smaller than the output; ``dimensions`` tells what is needed."""

    code = ResultCode.OUTPUT_INSUFFICIENT_SIZE


class UnavailableDeviceError(NnapiError):
    """The device does not exist or does not answer."""

    code = ResultCode.UNAVAILABLE_DEVICE


class MissedDeadlineTransientError(NnapiError):
    """A deadline passed; the same call may succeed later."""

    code = ResultCode.MISSED_DEADLINE_TRANSIENT


class MissedDeadlinePersistentError(NnapiError):
    """A deadline passed, and will again."""

    code = ResultCode.MISSED_DEADLINE_PERSISTENT


class ResourceExhaustedTransientError(NnapiError):
    """The device lacks a resource now; the same call may succeed later."""

    code = ResultCode.RESOURCE_EXHAUSTED_TRANSIENT


class ResourceExhaustedPersistentError(NnapiError):
    """The device lacks a resource for good."""

    code = ResultCode.RESOURCE_EXHAUSTED_PERSISTENT


class DeadObjectError(NnapiError):
    """The driver behind the object has died."""

    code = ResultCode.DEAD_OBJECT


_BY_CODE: dict[ResultCode, type[NnapiError]] = {error.code: error for error in NnapiError.__subclasses__()}


def error_class(code: ResultCode) -> type[NnapiError]:
    """The exception that carries ``code``; ``KeyError`` for ``NO_ERROR``, which is none."""
    return _BY_CODE[code]
