"""``ANeuralNetworksEvent_...``: waiting for what was started."""

from __future__ import annotations

from contextlib import suppress

from hal.errors import NnapiError
from runtime.c_api.boundary import implements
from runtime.event import Event, ExecutionEvent

implements("ANeuralNetworksEvent_createFromSyncFenceFd")(Event.from_sync_fence_fd)


@implements("ANeuralNetworksEvent_wait")
def _wait(event: Event) -> None:
    event.wait()


@implements("ANeuralNetworksEvent_getSyncFenceFd")
def _get_sync_fence_fd(event: Event) -> int:
    return event.sync_fence_fd()


@implements("ANeuralNetworksEvent_free")
def _free(event: Event) -> None:
    """An execution must have ended: the application's buffers are in use until then."""
    if isinstance(event, ExecutionEvent):
        with suppress(NnapiError):  # wait() has told, or nobody wants to know
            event.wait()
