"""Prepared models in files of the application's, so that another process need not compile them again."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import numpy as np

from hal.device import Bytes, Cache, DeviceInfo, PreparedModel, PrepareOptions
from hal.errors import BadDataError, OpFailedError, UnexpectedNullError
from hal.model import Location, Model
from hal.wire import model_to_wire

TOKEN_SIZE = 32
"""Bytes of an application's token for a model."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caching:
    """Where an application wants a compilation kept, and the token that it knows the model by.

    ``step``: which part of the compilation this is about; each has its own files.
    """

    directory: Path
    token: bytes
    step: int = 0

    @classmethod
    def checked(cls, directory: str | os.PathLike[str], token: bytes) -> Caching:
        """The same of what an application gives; ``BadDataError`` for what is no directory or no token."""
        if directory is None or token is None:
            raise UnexpectedNullError("caching needs a directory and a token")
        if not isinstance(token, (bytes, bytearray, memoryview)) or len(bytes(token)) != TOKEN_SIZE:
            raise BadDataError(f"the token must be {TOKEN_SIZE} bytes")
        try:
            path = Path(directory)
            is_directory = path.is_dir()
        except (TypeError, ValueError):
            raise BadDataError(f"{directory!r} is not the path of a directory") from None
        if not is_directory:
            raise BadDataError(f"{path} is not a directory; caching needs one that exists")
        return cls(path, bytes(token))

    def prepare(
        self,
        info: DeviceInfo,
        model: Model,
        options: PrepareOptions,
        prepare: Callable[[Cache | None], PreparedModel],
        prepare_from: Callable[[Cache], PreparedModel],
    ) -> PreparedModel:
        """What a device prepares from its files if they are there and good for this model, else anew, which it keeps.

        Files that can't be written cost time at the next compilation, no more. Raises what ``prepare`` raises.
        """
        files = info.model_cache_files + info.data_cache_files
        if not files:
            return prepare(None)
        token = _step_token(self.token, info, model, options)
        stem = f"{self.token.hex()}-{quote(info.name, safe='')}-{self.step}"
        paths = [self.directory / f"{stem}.{number}" for number in range(files)]

        def cache(opened: Sequence[BinaryIO]) -> Cache:
            return Cache(token, tuple(opened[: info.model_cache_files]), tuple(opened[info.model_cache_files :]))

        with ExitStack() as stack:
            try:
                kept = [stack.enter_context(path.open("r+b")) for path in paths]
            except OSError:
                pass  # nothing is kept yet
            else:
                try:
                    return prepare_from(cache(kept))
                except (BadDataError, OpFailedError) as error:
                    _log.info("what is kept of the model on '%s' is not used: %s", info.name, str(error))
        partial = [path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}") for path in paths]
        with ExitStack() as stack:
            for path in partial:
                stack.callback(path.unlink, missing_ok=True)
            try:
                new = [stack.enter_context(path.open("x+b")) for path in partial]
            except OSError as error:
                _log.warning("the model can't be kept in %s: %s", self.directory, str(error))
                return prepare(None)
            prepared = prepare(cache(new))
            for file in new:
                file.flush()  # what a device of this process has written
            if all(os.fstat(file.fileno()).st_size for file in new):
                for path, wanted in zip(partial, paths):
                    path.replace(wanted)
            return prepared


def _step_token(token: bytes, info: DeviceInfo, model: Model, options: PrepareOptions) -> bytes:
    """What stands for the model on this device, prepared so: a change of any of it makes another token."""
    digest = hashlib.sha256(token)
    for part in (info.name, info.version, options.preference.name, options.priority.name):
        digest.update(hashlib.sha256(part.encode()).digest())
    for each in options.attributes:
        digest.update(hashlib.sha256(repr(each).encode()).digest())
    digest.update(_model_digest(model))
    return digest.digest()


def _model_digest(model: Model) -> bytes:
    constants = hashlib.sha256()

    def place(data: Bytes, location: Location | None) -> Location:
        constants.update(hashlib.sha256(np.ascontiguousarray(data).data).digest())
        return Location("", 0, data.size)

    message = model_to_wire(model, place).SerializeToString(deterministic=True)
    return hashlib.sha256(message).digest() + constants.digest()
