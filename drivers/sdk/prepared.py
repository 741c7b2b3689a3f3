"""The prepared models that a service holds, each for as long as the call that made it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hal.device import PreparedModel
from hal.errors import BadDataError, ResourceExhaustedTransientError
from hal.model import Model
from hal.types import Priority

PREPARED_MODELS = 512
"""Prepared models that a service holds at once; each keeps a call, and so a thread, open."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A prepared model, and what its requests are checked against and queued by."""

    model: Model
    prepared: PreparedModel
    priority: Priority


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
        """Keep a prepared model until the context ends, then close it; gives its token."""
        token = next(self._tokens)
        self._entries[token] = entry
        try:
            yield token
        finally:
            del self._entries[token]
            entry.prepared.close()

    def get(self, token: int) -> Entry:
        """The prepared model with this token; ``BadDataError`` when there is none."""
        try:
            return self._entries[token]
        except KeyError:
            raise BadDataError(f"{token} is not the token of a prepared model of this service") from None
