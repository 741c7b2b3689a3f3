"""The files that clients give for prepared models to be kept in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from hal.device import Cache, DeviceInfo
from hal.errors import BadDataError, UnmappableError
from hal.memory import open_published
from protos.nnhal.v1 import device_pb2

_TOKEN = 32
"""Bytes of a token."""


@contextmanager
def opened(base: Path | None, info: DeviceInfo, message: device_pb2.Cache) -> Iterator[Cache]:
    """The cache in ``message``, its files open until the context ends.

    ``base``: the runtime directory that they are published under. Raises ``BadDataError`` for another
    number of files than the device uses, and where there are none.
    """
    if base is None:
        raise BadDataError("this service takes no files from clients on the network")
    if len(message.token) != _TOKEN:
        raise BadDataError(f"the cache's token has {len(message.token)} bytes; it must have {_TOKEN}")
    for kind, given, wanted in (
        ("model", message.model_regions, info.model_cache_files),
        ("data", message.data_regions, info.data_cache_files),
    ):
        if len(given) != wanted:
            raise BadDataError(f"the cache has {len(given)} {kind} files; the device uses {wanted}")
    with ExitStack() as stack:
        model, data = (
            tuple(stack.enter_context(_open(base, name)) for name in names)
            for names in (message.model_regions, message.data_regions)
        )
        yield Cache(message.token, model, data)


def _open(base: Path, name: str) -> BinaryIO:
    try:
        return os.fdopen(open_published(base, name, writable=True), "r+b")
    except PermissionError:
        raise UnmappableError(f"the cache file '{name}' can't be opened for writing") from None
