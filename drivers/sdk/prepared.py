"""The prepared models that a service holds, each for as long as the call that made it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hal.device import PreparedModel
from hal.errors import BadDataError, ResourceExhaustedTransientError
from hal.model import Model
from hal.types import Priority

if TYPE_CHECKING:
    from drivers.sdk.executing import Form

PREPARED_MODELS = 512
"""Prepared models that a service holds at once; each keeps a call, and so a thread, open."""

_FORMS = 4
"""Requests of a prepared model that are kept, with the memory that they are in."""


class Entry:
    """A prepared model, and what its requests are checked against and queued by.

    It is closed when nobody holds it any more. ``forms``: of its last requests, by their bytes.
    """

    def __init__(self, model: Model, prepared: PreparedModel, priority: Priority) -> None:
        self.model = model
        self.prepared = prepared
        self.priority = priority
        self.forms: dict[bytes, Form] = {}
        self._holders = 0
        self._lock = threading.Lock()

    def keep(self, key: bytes, form: Form) -> None:
        """Keep a form; the one that has been kept for longest may go."""
        with self._lock:
            if len(self.forms) >= _FORMS:
                del self.forms[next(iter(self.forms))]
            self.forms[key] = form

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it until the context ends."""
        with self._lock:
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                last = not self._holders
            if last:
                self.prepared.close()


class PreparedModels:
    """The prepared models of a service, by token."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._tokens = itertools.count(1)

    def require_room(self) -> None:
        """``ResourceExhaustedTransientError`` when the service holds as many as it may."""
        if len(self._entries) >= PREPARED_MODELS:
            raise ResourceExhaustedTransientError(
                f"the service holds {PREPARED_MODELS} prepared models; a client must release one first"
            )

    @contextmanager
    def kept(self, entry: Entry) -> Iterator[int]:
        """Keep a prepared model until the context ends; gives its token."""
        with entry.held():
            token = next(self._tokens)
            self._entries[token] = entry
            try:
                yield token
            finally:
                del self._entries[token]

    def get(self, token: int) -> Entry:
        """The prepared model with this token; ``BadDataError`` when there is none."""
        try:
            return self._entries[token]
        except KeyError:
            raise BadDataError(f"{token} is not the token of a prepared model of this service") from None
