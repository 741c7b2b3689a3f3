"""Shared memory between an application and drivers on the same machine.

A *region* is memory behind a file descriptor of the application: its own memfd, sealed so that
nobody can shrink it under a reader, or a descriptor that the application's user brought. The
application publishes it by placing a symbolic link to the descriptor in its own folder of the
runtime directory; a driver that runs as the same user opens the link. The memory goes away with
the last process that holds it, also when that process is killed; nothing stays behind on disk.

The *runtime directory* belongs to the user alone (mode 0700). It holds one folder for each running
application, with its drivers' sockets and its regions, and the sockets of services that run by
themselves.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import mmap
import os
import re
import secrets
import shutil
import stat
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.errors import BadDataError, OutOfMemoryError, UnmappableError

_REGION_NAME = re.compile(r"app-[0-9]+-[0-9a-f]+/r[0-9]+")
_LOCK = "lock"

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector. Tensors that share memory start at multiples of it."""

_LONGEST_SOCKET_PATH = 107
"""Bytes; Linux's limit."""


def runtime_directory() -> Path:
    """The user's runtime directory, made if it is missing.

    ``NNHAL_RUNTIME_DIR`` if set, else ``nnhal`` in ``XDG_RUNTIME_DIR``, else ``nnhal-UID`` in the
    folder for temporary files. Raises ``UnmappableError`` when it is not the user's alone.
    """
    if "NNHAL_RUNTIME_DIR" in os.environ:
        path = Path(os.environ["NNHAL_RUNTIME_DIR"])
    elif os.environ.get("XDG_RUNTIME_DIR"):
        path = Path(os.environ["XDG_RUNTIME_DIR"]) / "nnhal"
    else:
        path = Path(tempfile.gettempdir()) / f"nnhal-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise UnmappableError(f"the runtime directory {path} can't be used: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnmappableError(f"the runtime directory {path} must be a directory that only its owner may enter")
    return path


def aligned(size: int) -> int:
    """``size`` rounded up to whole alignments."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def check_socket_path(path: str | Path) -> None:
    """Refuse a path that no socket can have with ``UnmappableError``."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise UnmappableError(
            f"{path} has {len(os.fsencode(path))} bytes, too long for a socket, whose path may have "
            f"{_LONGEST_SOCKET_PATH}; choose a shorter one (NNHAL_RUNTIME_DIR sets where drivers' sockets are)"
        )


class Folder:
    """An application's folder in the runtime directory, for its sockets and regions.

    The folder is locked while the application lives, so that whoever comes next can tell folders of
    killed applications apart and remove them.
    """

    def __init__(self) -> None:
        base = runtime_directory()
        _remove_abandoned(base)
        self.path = base / f"app-{os.getpid()}-{secrets.token_hex(4)}"
        unlocked = base / f".{self.path.name}"  # a name that nobody takes for an abandoned folder
        unlocked.mkdir(mode=0o700)
        self._lock = os.open(unlocked / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unlocked.rename(self.path)
        self._numbers = itertools.count()

    def publish(self, descriptor: int) -> str:
        """Make a descriptor of this process a region; returns the region's name."""
        name = f"{self.path.name}/r{next(self._numbers)}"
        (self.path.parent / name).symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
        return name

    def withdraw(self, name: str) -> None:
        """Take a region's name away; who has it open keeps it."""
        (self.path.parent / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and every name in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned(base: Path) -> None:
    for folder in base.glob("app-*-*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # being made, or being removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # its application lives
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


_FAULTED_AROUND = max(1 << 16, mmap.PAGESIZE)
"""Bytes that Linux maps together, at a multiple of that, when one of them is touched."""


class _Mapping(mmap.mmap):
    """Shared memory: what is taken out of this process's memory is still there."""


def release(data: NDArray[Any]) -> None:
    """Take what is in a region out of this process's memory, until it is touched again; other memory stays as it is."""
    whole = data
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    mapping = whole.base.obj if isinstance(whole.base, memoryview) else whole.base
    if isinstance(mapping, _Mapping) and data.size:
        offset = data.ctypes.data - whole.ctypes.data
        first = offset - offset % _FAULTED_AROUND
        end = min(offset + data.nbytes + -(offset + data.nbytes) % _FAULTED_AROUND, len(mapping))
        mapping.madvise(mmap.MADV_DONTNEED, first, end - first)


class Region:
    """A named piece of shared memory, mapped: ``data`` is its bytes (1-D uint8, zero-copy).

    One that this process has published keeps its name as long as anybody holds ``data`` or a view of it.
    """

    def __init__(self, name: str, data: NDArray[np.uint8]) -> None:
        self.name = name
        self.data = data

    @classmethod
    def create(cls, folder: Folder, size: int) -> Region:
        """Allocate ``size`` bytes of zeros and publish them in ``folder``.

        Raises ``OutOfMemoryError`` when the memory is not to be had.
        """
        descriptor = os.memfd_create("nnhal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, max(size, 1))
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        except OSError as error:
            os.close(descriptor)
            raise OutOfMemoryError(f"{size} bytes of shared memory can't be had: {error.strerror}") from error
        return cls._published(folder, descriptor, size, writable=True)

    @classmethod
    def from_descriptor(cls, folder: Folder, descriptor: int, size: int, *, writable: bool) -> Region:
        """Publish ``size`` bytes from the start of a file or shared memory that the caller has open.

        The descriptor is duplicated: the caller may close its own. Raises ``BadDataError`` when the
        file is shorter, ``UnmappableError`` when it can't be mapped.
        """
        try:
            actual = os.fstat(descriptor).st_size
            own = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 0)
        except OSError as error:
            raise UnmappableError(f"file descriptor {descriptor} can't be used: {error.strerror}") from error
        if actual < size:
            os.close(own)
            raise BadDataError(f"the file behind descriptor {descriptor} has {actual} bytes, fewer than {size}")
        return cls._published(folder, own, size, writable=writable)

    @classmethod
    def _published(cls, folder: Folder, descriptor: int, size: int, *, writable: bool) -> Region:
        try:
            data = _map(descriptor, size, writable)
        except BaseException:
            os.close(descriptor)
            raise
        name = folder.publish(descriptor)
        weakref.finalize(data, _release, folder, name, descriptor)
        return cls(name, data)

    @classmethod
    def open(cls, base: Path, name: str, *, writable: bool = True) -> Region:
        """Map a region that an application published under the runtime directory ``base``.

        Raises ``BadDataError`` for a name that is none or that nobody published, ``UnmappableError``
        when the memory can't be mapped.
        """
        try:
            descriptor = open_published(base, name, writable=writable)
        except PermissionError:
            if writable:
                return cls.open(base, name, writable=False)
            raise UnmappableError(f"the shared-memory region '{name}' can't be opened") from None
        try:
            return cls(name, _map(descriptor, os.fstat(descriptor).st_size, writable))
        finally:
            os.close(descriptor)

    def slice(self, offset: int, length: int) -> NDArray[np.uint8]:
        """``length`` bytes from ``offset``; ``BadDataError`` when they reach beyond the region."""
        if offset < 0 or length < 0 or offset + length > self.data.size:
            raise BadDataError(
                f"{length} bytes at offset {offset} reach beyond the {self.data.size} bytes of region '{self.name}'"
            )
        return self.data[offset : offset + length]


def open_published(base: Path, name: str, *, writable: bool) -> int:
    """Open what an application published under the runtime directory ``base``; returns the descriptor.

    Raises ``BadDataError`` for a name that is none or that nobody published, ``PermissionError`` where
    the file may not be opened so, and ``UnmappableError`` when it is not memory or a file.
    """
    if not _REGION_NAME.fullmatch(name):
        raise BadDataError(f"'{name[:80]}' is not the name of a shared-memory region")
    try:
        descriptor = os.open(base / name, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BadDataError(f"there is no shared-memory region '{name}'") from None
    except PermissionError:
        raise
    except OSError as error:
        if error.errno == errno.EROFS:  # permissions would allow it
            raise PermissionError(error.errno, error.strerror) from error
        raise UnmappableError(f"the shared-memory region '{name}' can't be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnmappableError(f"the shared-memory region '{name}' is not memory or a file")
    return descriptor


def _map(descriptor: int, size: int, writable: bool) -> NDArray[np.uint8]:
    if size == 0:
        return np.empty(0, np.uint8)
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    try:
        mapping = _Mapping(descriptor, size, mmap.MAP_SHARED, protection)
    except (OSError, ValueError) as error:
        raise UnmappableError(f"{size} bytes behind descriptor {descriptor} can't be mapped: {error}") from error
    return np.frombuffer(mapping, np.uint8)


def _release(folder: Folder, name: str, descriptor: int) -> None:
    folder.withdraw(name)
    os.close(descriptor)
