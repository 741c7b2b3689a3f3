"""Packages that only some of the tools need, and nnhal's installation extras that bring them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def needs(extra: str) -> Iterator[None]:
    """Say which extra to install when an import within fails for want of a package: ``OpFailedError``."""
    try:
        yield
    except ModuleNotFoundError as error:
        from hal.errors import OpFailedError  # here, since the command line imports this module for each command

        raise OpFailedError(f"the package '{error.name}' is missing; pip install 'nnhal[{extra}]' brings it") from error
