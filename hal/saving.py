"""Writing a file so that there is always a whole one: the old or the new."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hal.errors import BadDataError, OpFailedError

_LONGEST_STEM = 200
"""Bytes of a name that the name of the file beside it takes up; Linux allows 255 in all."""


@contextlib.contextmanager
def saving(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a new file to write, which becomes ``path`` when the block ends.

    It is written beside ``path``, brought to the disk, and given the name in one step; whoever has the
    old file open keeps that. Where ``path`` is a link, the file that it leads to is replaced. If the
    block raises, or the disk is full, nothing has changed. Raises ``BadDataError`` for a place where no
    file can be replaced, ``OpFailedError`` when writing fails.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _checked_mode(target)
    except (TypeError, ValueError):
        raise BadDataError(f"{path!r} is not the path of a file") from None
    except OSError as error:
        raise OpFailedError(f"{path} can't be written: {error.strerror}") from error
    start = os.fsdecode(os.fsencode(target.name)[:_LONGEST_STEM])
    partial = target.with_name(f".{start}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise OpFailedError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    _bring_to_disk(target.parent)


def _checked_mode(target: Path) -> int | None:
    """The permissions of the file that is there; None if there is none. Refuses what is not to be replaced."""
    try:
        status = target.stat()
    except FileNotFoundError:
        if target.name and target.parent.is_dir():
            return None
        raise BadDataError(f"{target} can't be written: there is no folder {target.parent}") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadDataError(f"{target} can't be written: it is not a file")
    if not os.access(target, os.W_OK):
        raise BadDataError(f"{target} can't be written: it is write-protected")
    return stat.S_IMODE(status.st_mode)


def _bring_to_disk(folder: Path) -> None:
    """So that the new name outlasts a power cut, on file systems that can promise it for a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
