"""Events: waiting for what was started, here, in drivers and in other programs."""

from __future__ import annotations

import os
import select
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future

from hal.errors import BadDataError, NnapiError, OpFailedError, UnexpectedNullError
from hal.fence import Fence, FenceState
from runtime import process


class Event(ABC):
    """Something that ends: an execution, or what a descriptor of another program stands for.

    A *sync fence* is a descriptor that becomes readable when what it stands for is done; poll it, and do
    not read from it. One that hangs up without becoming readable (``POLLHUP`` alone) stands for
    something that has failed: ours do, also when this process dies.
    """

    @staticmethod
    def from_sync_fence_fd(fd: int) -> Event:
        """The event that a sync fence stands for, for example an eventfd; the descriptor may be closed after.

        Raises ``BadDataError`` for what is not an open descriptor.
        """
        if fd is None:
            raise UnexpectedNullError("there is no descriptor to make an event from")
        try:
            return _DescriptorEvent(os.dup(fd))
        except (OSError, TypeError, OverflowError):
            raise BadDataError(f"{fd!r} is not an open file descriptor") from None

    @abstractmethod
    def wait(self) -> None:
        """Wait until it has ended; raises what the execution raised. May be called again."""

    @abstractmethod
    def sync_fence_fd(self) -> int:
        """A new sync fence for it, which the caller owns and closes.

        Raises ``BadDataError`` where there is none: for an execution started without fences.
        """

    @property
    @abstractmethod
    def error(self) -> BaseException | None:
        """Why it has failed, if it has ended already and has."""

    @property
    @abstractmethod
    def fence(self) -> Fence:
        """A fence that signals with it, for drivers to wait for."""


class ExecutionEvent(Event):
    """The end of ``work``, which starts at once on a thread of its own.

    ``fence``: for a fenced execution the one that whoever computes will signal; then the event has
    sync fences too.
    """

    def __init__(self, work: Callable[[], None], fence: Fence | None = None) -> None:
        self._done: Future[None] = Future()
        self._fence = fence
        self._fenced = fence is not None
        self._lock = threading.Lock()
        # A daemon: an application that ends does not wait for a device that hangs.
        threading.Thread(target=self._run, args=(work,), name="nnhal execution", daemon=True).start()

    def wait(self) -> None:
        """See ``Event``."""
        self._done.result()

    def sync_fence_fd(self) -> int:
        """See ``Event``."""
        if not self._fenced:
            raise BadDataError(
                "the execution was started without fences, so its event has no descriptor; "
                "start_compute_with_dependencies gives one that has"
            )
        theirs, ours = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

        def signal(done: Future[None]) -> None:
            if done.exception() is None:
                os.write(ours, b"\1")
            os.close(ours)

        self._done.add_done_callback(signal)
        return theirs

    @property
    def error(self) -> BaseException | None:
        """See ``Event``."""
        return self._done.exception() if self._done.done() else None

    @property
    def fence(self) -> Fence:
        """See ``Event``."""
        with self._lock:
            if self._fence is None:
                fence = self._fence = Fence.create(process.folder())
                self._done.add_done_callback(lambda done: fence.signal(_state(done.exception())))
            return self._fence

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  wait() raises it
            self._done.set_exception(error)
        else:
            self._done.set_result(None)


class _DescriptorEvent(Event):
    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)  # closed with this object
        self._fence: Fence | None = None
        self._lock = threading.Lock()

    def wait(self) -> None:
        while (failed := self._failed(None)) is None:
            pass
        if failed:
            raise self._error()

    def sync_fence_fd(self) -> int:
        return os.dup(self._file.fileno())

    @property
    def error(self) -> BaseException | None:
        return self._error() if self._failed(0) else None

    @property
    def fence(self) -> Fence:
        with self._lock:
            if self._fence is None:
                self._fence = Fence.create(process.folder())
                threading.Thread(target=self._signal, args=(self._fence,), name="nnhal fence", daemon=True).start()
            return self._fence

    def _signal(self, fence: Fence) -> None:
        try:
            self.wait()
        except NnapiError:
            fence.signal(FenceState.FAILED)
        else:
            fence.signal(FenceState.DONE)

    def _failed(self, timeout: int | None) -> bool | None:
        """Whether it has ended badly; None if it has not ended after ``timeout`` milliseconds (None: any)."""
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        events = poll.poll(timeout)
        return not events[0][1] & select.POLLIN if events else None

    @staticmethod
    def _error() -> NnapiError:
        return OpFailedError("what the sync fence stands for has failed: the descriptor hung up before it was readable")


def _state(error: BaseException | None) -> FenceState:
    return FenceState.DONE if error is None else FenceState.FAILED
