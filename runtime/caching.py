"""Prepared models in files of the application's, so that another process need not compile them again."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from hal.device import Bytes, Cache, DeviceInfo, PreparedModel, PrepareOptions, Support
from hal.errors import BadDataError, OpFailedError, UnexpectedNullError
from hal.model import Location, Model
from hal.operations.control_flow import CONTROL_FLOW
from hal.wire import model_to_wire, support_from_wire, support_to_wire
from protos.nnhal.v1 import device_pb2

TOKEN_SIZE = 32
"""Bytes of an application's token for a model."""

_DIGEST = hashlib.sha256().digest_size

_log = logging.getLogger(__name__)


class Digests:
    """SHA-256 of constants, each computed once for a compilation, however many of its steps have it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[NDArray[Any], bytes]] = {}

    def of(self, constant: NDArray[Any]) -> bytes:
        """A constant's, which must not change meanwhile."""
        if id(constant) not in self._known:
            digest = hashlib.sha256(np.ascontiguousarray(constant).reshape(-1).view(np.uint8).data).digest()
            self._known[id(constant)] = constant, digest  # as long as it is here, no other one has its id
        return self._known[id(constant)][1]


@dataclass(frozen=True)
class Caching:
    """Where an application wants a compilation kept, and the token that it knows the model by.

    ``step``: which part of the compilation this is about; each has its own files.
    """

    directory: Path
    token: bytes
    step: int = 0
    _digests: Digests = field(default_factory=Digests)
    _revived: list[PreparedModel] = field(default_factory=list)

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
        if self._revived and not self.step:
            return self._revived.pop()
        if not _file_count(info):
            return prepare(None)
        token = self._model_token(info, model, options)
        kept = self._kept(info, token, prepare_from)
        if kept is not None:
            return kept
        with ExitStack() as stack:
            try:
                new = [stack.enter_context(_Partial(path)) for path in self._paths(info)]
            except OSError as error:
                _log.warning("the model can't be kept in %s: %s", self.directory, str(error))
                return prepare(None)
            prepared = prepare(_cache(info, token, [each.file for each in new]))
            for each in new:
                each.file.flush()  # what a device of this process has written
            if all(os.fstat(each.file.fileno()).st_size for each in new):
                for each in new:
                    each.keep()
            return prepared

    def revive(
        self, info: DeviceInfo, model: Model, options: PrepareOptions, prepare_from: Callable[[Cache], PreparedModel]
    ) -> list[Support] | None:
        """What the compilation's one device has said of the whole model, if it takes that from its files at once.

        Then ``prepare`` returns what it has prepared. None where it has to be asked. Its answers are good as
        long as its files are: it alone knows what they depend on, and refuses files that do not fit any more.
        Raises what ``prepare_from`` raises for other reasons.
        """
        try:
            content = self._support_path(info).read_bytes()
        except OSError:
            return None  # nothing is kept yet
        token = self._model_token(info, model, options)
        digest, message = content[:_DIGEST], content[_DIGEST:]
        if digest != hashlib.sha256(token + message).digest():
            return None
        try:
            supports = support_from_wire(device_pb2.GetSupportedOperationsResponse.FromString(message))
        except (DecodeError, BadDataError):
            return None
        kept = self._kept(info, token, prepare_from)
        if kept is None:
            return None
        self._revived.append(kept)
        return supports

    def keep_support(
        self, info: DeviceInfo, model: Model, options: PrepareOptions, supports: Sequence[Support]
    ) -> None:
        """Keep what the compilation's one device says of the whole model beside its files, for ``revive``.

        Not of a model with control flow, of which a device may leave the branches' operations to others.
        """
        has_control_flow = any(operation.type in CONTROL_FLOW for operation in model.main.operations)
        if has_control_flow or not _file_count(info) or not all(path.exists() for path in self._paths(info)):
            return
        message = support_to_wire(supports).SerializeToString()
        digest = hashlib.sha256(self._model_token(info, model, options) + message).digest()
        try:
            with _Partial(self._support_path(info)) as new:
                new.file.write(digest + message)
                new.file.flush()
                new.keep()
        except OSError as error:
            _log.warning("what a device takes can't be kept in %s: %s", self.directory, str(error))

    def close(self) -> None:
        """Give back what was revived and is not used."""
        while self._revived:
            self._revived.pop().close()

    def _stem(self, info: DeviceInfo) -> str:
        return f"{self.token.hex()}-{quote(info.name, safe='')}-{self.step}"

    def _paths(self, info: DeviceInfo) -> list[Path]:
        """The device's own files."""
        return [self.directory / f"{self._stem(info)}.{number}" for number in range(_file_count(info))]

    def _support_path(self, info: DeviceInfo) -> Path:
        return self.directory / f"{self._stem(info)}.support"

    def _kept(
        self, info: DeviceInfo, token: bytes, prepare_from: Callable[[Cache], PreparedModel]
    ) -> PreparedModel | None:
        """What the device prepares from its files; None where there are none, or none that it takes."""
        paths = self._paths(info)
        with ExitStack() as stack:
            try:
                files = [stack.enter_context(path.open("r+b")) for path in paths]
            except OSError:
                return None  # nothing is kept yet
            try:
                return prepare_from(_cache(info, token, files))
            except (BadDataError, OpFailedError) as error:
                _log.info("what is kept of the model on '%s' is not used: %s", info.name, str(error))
                for path in paths:
                    path.unlink(missing_ok=True)
                return None

    def _model_token(self, info: DeviceInfo, model: Model, options: PrepareOptions) -> bytes:
        """What stands for the model on this device, prepared so: a change of any of it makes another token."""
        digest = hashlib.sha256(self.token)
        for part in (info.name, info.version, options.preference.name, options.priority.name):
            digest.update(hashlib.sha256(part.encode()).digest())
        for each in options.attributes:
            digest.update(hashlib.sha256(repr(each).encode()).digest())
        message = model_to_wire(model, _somewhere).SerializeToString(deterministic=True)
        digest.update(hashlib.sha256(message).digest())
        for subgraph in (model.main, *model.referenced):
            for operand in subgraph.operands:
                if operand.value is not None:
                    digest.update(self._digests.of(operand.value))
        return digest.digest()


class _Partial:
    """A file that is there under its name once it is complete: ``keep`` says so. Raises ``OSError`` on entry."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        self.file: BinaryIO

    def __enter__(self) -> _Partial:
        self.file = self._partial.open("x+b")
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
        self._partial.unlink(missing_ok=True)

    def keep(self) -> None:
        """Have the file as it is now."""
        self._partial.replace(self._path)


def _file_count(info: DeviceInfo) -> int:
    return info.model_cache_files + info.data_cache_files


def _cache(info: DeviceInfo, token: bytes, files: Sequence[BinaryIO]) -> Cache:
    return Cache(token, tuple(files[: info.model_cache_files]), tuple(files[info.model_cache_files :]))


def _somewhere(constant: Bytes, location: Location | None) -> Location:
    """A place in a message that is only compared: what is there counts by its digest."""
    return Location("", 0, constant.size)
