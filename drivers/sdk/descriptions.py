"""Where hardware descriptions are: files that users have, and variants that drivers' packages ship.

A description is a TOML file; its ``[device]`` section names, as ``driver``, the registered driver that it is for.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from hal.errors import BadDataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUFFIX = ".toml"
"""How the name of a description's file ends; a variant's name does not."""

_FOLDER = "descriptions"


def file_text(path: str) -> str:
    """The text of a description's file; ``BadDataError`` when it can't be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadDataError(f"the description {path} can't be read: {reason}") from None


def shipped_text(package: str, variant: str) -> str:
    """The text of a variant that a driver's package ships; ``BadDataError`` names those that there are."""
    known = variants(package)
    if variant not in known:
        raise BadDataError(
            f"{package} has no description '{variant}'; it has {', '.join(known) or 'none'}, "
            f"and takes the path of a file that ends in {SUFFIX}"
        )
    return (files(package) / _FOLDER / f"{variant}{SUFFIX}").read_text(encoding="utf-8")


def variants(package: str) -> list[str]:
    """Names of the descriptions that a driver's package ships."""
    folder = files(package) / _FOLDER
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def table_of(text: str, source: str) -> dict[str, Any]:
    """What a description's text says; ``BadDataError`` names ``source`` when it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadDataError(f"{source} is not TOML: {error}") from None
