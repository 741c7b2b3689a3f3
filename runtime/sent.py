"""Models as drivers get them: a message, and shared memory with the large constants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hal.device import Bytes
from hal.errors import ResourceExhaustedPersistentError
from hal.memory import Region, aligned
from hal.model import Location, Model
from hal.wire import INLINE_LIMIT, MESSAGE_LIMIT, model_to_wire
from runtime.process import folder


class SentModel:
    """A model's message, and the shared memory that its constants are in as long as this object lives.

    ``local``: for drivers on this machine; others get the constants inline. Raises
    ``ResourceExhaustedPersistentError`` where the message is larger than drivers take.
    """

    def __init__(self, model: Model, *, local: bool) -> None:
        self._region: Region | None = None
        self._used = 0
        if local:
            size = sum(
                aligned(operand.value.nbytes)
                for subgraph in (model.main, *model.referenced)
                for operand in subgraph.operands
                if operand.value is not None and operand.location is None and operand.value.nbytes > INLINE_LIMIT
            )
            self._region = Region.create(folder(), size) if size else None
        self._local = local
        self.message = model_to_wire(model, self._place)
        if self.message.ByteSize() > MESSAGE_LIMIT:
            raise ResourceExhaustedPersistentError(
                f"the model is {self.message.ByteSize()} bytes as a message, and a driver takes {MESSAGE_LIMIT}"
            )

    def _place(self, data: Bytes, location: Location | None) -> Location | None:
        if not self._local or location is not None:
            return location if self._local else None
        assert self._region is not None
        offset = self._used
        self._region.slice(offset, data.size)[:] = data
        self._used += aligned(data.size)
        return Location(self._region.name, offset, data.size)


class _Kept:
    """A model that is being compiled, and its forms for drivers on this machine and on others."""

    def __init__(self, model: Model) -> None:
        self.model = model  # as long as it is here, no other one has its id
        self.users = 0
        self._forms: dict[bool, SentModel] = {}
        self._lock = threading.Lock()

    def form(self, local: bool) -> SentModel:
        with self._lock:
            if local not in self._forms:
                self._forms[local] = SentModel(self.model, local=local)
            return self._forms[local]


_kept: dict[int, _Kept] = {}
_lock = threading.Lock()


@contextmanager
def keeping(model: Model) -> Iterator[None]:
    """Meanwhile, make the model's message and shared memory once, for all drivers that are asked or prepare it."""
    with _lock:
        kept = _kept.setdefault(id(model), _Kept(model))
        kept.users += 1
    try:
        yield
    finally:
        with _lock:
            kept.users -= 1
            if not kept.users:
                del _kept[id(model)]


def sent(model: Model, *, local: bool) -> SentModel:
    """The model as a driver gets it."""
    with _lock:
        kept = _kept.get(id(model))
    return SentModel(model, local=local) if kept is None else kept.form(local)
