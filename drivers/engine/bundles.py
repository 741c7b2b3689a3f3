"""Bundles: folders with machine code for certain models, compiled ahead, which drivers only read.

``NNHAL_BUNDLES`` names them, separated by colons. A driver takes a kernel from the first bundle that
has it, before it looks into its cache. What is no bundle keeps a driver from starting; a bundle that was
made for another processor, other compilers or other sources is passed over, which is logged if no other
fits; so are damaged files, and kernels that have to be compiled although a bundle fits.

A bundle's ``manifest.json`` has ``format``; ``made_for``: the facts that must be the same here; and
``code``: by name, ``bytes`` and ``sha256`` of each file in the folder ``kernels``. What else it has is for people.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hal.errors import BadDataError

VARIABLE = "NNHAL_BUNDLES"
MANIFEST = "manifest.json"
KERNELS = "kernels"
FORMAT = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that fits this machine. ``digests``: the SHA-256 of each file, in hexadecimal digits."""

    path: Path
    digests: Mapping[str, str]

    def read(self, name: str) -> bytes | None:
        """A file of machine code; None where the bundle does not have it, or has it damaged."""
        if name not in self.digests:
            return None
        path = self.path / KERNELS / name
        try:
            content = path.read_bytes()
        except OSError as error:
            _log.warning("%s, which its bundle should have, can't be read: %s", path, error.strerror)
            return None
        if hashlib.sha256(content).hexdigest() != self.digests[name]:
            _log.warning("%s is damaged: its SHA-256 is not the one that its bundle tells", path)
            return None
        return content


def fitting(facts: Mapping[str, str]) -> tuple[Bundle, ...]:
    """The bundles that were made for a machine of these facts, among those that the environment names.

    Raises ``BadDataError`` for what is no bundle, or of another format.
    """
    return _fitting(os.environ.get(VARIABLE, ""), tuple(facts.items()))


@lru_cache(1)
def _fitting(setting: str, facts: tuple[tuple[str, str], ...]) -> tuple[Bundle, ...]:
    found, passed_over = [], []
    for name in filter(None, setting.split(":")):
        path = Path(name).absolute()
        made_for, digests = _manifest(path)
        difference = next(
            (_difference(made_for.get(what), ours, what) for what, ours in facts if made_for.get(what) != ours), ""
        )
        if difference:
            passed_over.append(f"the bundle {path} is passed over: {difference}; make one here with: nnhal bundle")
        else:
            found.append(Bundle(path, digests))
    for sentence in passed_over:
        _log.log(logging.INFO if found else logging.WARNING, "%s", sentence)
    return tuple(found)


def _manifest(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What the bundle was made for, and its files' digests."""
    file = path / MANIFEST
    try:
        tables = json.loads(file.read_bytes())
    except OSError as error:
        raise BadDataError(f"{VARIABLE} names {path}, which is no bundle: {file}: {error.strerror}") from None
    except ValueError:
        raise BadDataError(f"the bundle {path} is damaged: {file} is not JSON") from None
    try:
        if tables["format"] != FORMAT:
            raise BadDataError(
                f"the bundle {path} has format {tables['format']} and this nnhal reads {FORMAT}; make it anew"
            )
        return dict(tables["made_for"]), {name: each["sha256"] for name, each in tables["code"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadDataError(f"the bundle {path} is damaged: {file} lacks what a manifest has") from None


def _difference(theirs: Any, ours: str, what: str) -> str:
    """How a fact of a bundle differs from this machine's, in words."""
    if not isinstance(theirs, str):
        return f"it does not tell its {what}"
    there, here = set(theirs.split()), set(ours.split())
    if len(there) > 1 and len(here) > 1:
        sides = ((there - here, "only there"), (here - there, "only here"))
        return f"its {what} differ: " + "; ".join(f"{' '.join(sorted(each))} {where}" for each, where in sides if each)
    return f"its {what} is {theirs}, and here it is {ours}"
