"""Vendor extensions by name: the numbers that their types have in this process."""

from __future__ import annotations

import logging
import operator
import threading
from collections.abc import Iterable
from dataclasses import replace

from hal.device import Attribute
from hal.errors import BadDataError, NnapiError, UnexpectedNullError
from hal.model import EXTENSION_BITS, Extension, Model, Subgraph
from hal.validation import check_extension_name
from runtime import discovery

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_prefixes: dict[str, int] = {}


def extension_code(name: str, number: int) -> int:
    """The code that type ``number`` of extension ``name`` has in the models of this process.

    A type is an operand's or an operation's; each of the two is numbered by itself, from 0 to 65535.
    Raises ``BadDataError`` for a name or a number that can't be, and for an extension that no device knows.
    """
    if name is None or number is None:
        raise UnexpectedNullError("an extension's type must have the extension's name and a number")
    check_extension_name(name)
    try:
        number = operator.index(number)
    except TypeError as error:
        raise BadDataError(f"a type of extension '{name}' is a number: {error}") from error
    last = (1 << EXTENSION_BITS) - 1
    if not 0 <= number <= last:
        raise BadDataError(f"extension '{name}' can't have a type {number}; its types are numbered from 0 to {last}")
    return _prefix(name) << EXTENSION_BITS | number


def with_attribute(attributes: tuple[Attribute, ...], name: str, number: int, data: bytes) -> tuple[Attribute, ...]:
    """``attributes`` and one more; raises as ``extension_code``, and ``BadDataError`` where it is there already."""
    extension_code(name, number)
    if data is None:
        raise UnexpectedNullError(f"attribute {number} of extension '{name}' must have data, at least none: b''")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise BadDataError(f"attribute {number} of extension '{name}' is given as {type(data).__name__}, not as bytes")
    if any((each.extension, each.code) == (name, number) for each in attributes):
        raise BadDataError(f"attribute {number} of extension '{name}' has been added already")
    return (*attributes, Attribute(name, number, bytes(data)))


def is_given(code: int) -> bool:
    """Whether ``extension_code`` has given a code with the prefix of this one."""
    with _lock:
        return code >> EXTENSION_BITS in _prefixes.values()


def extensions_of(codes: Iterable[int]) -> tuple[Extension, ...]:
    """The extensions that types with these codes belong to, in the order of their prefixes."""
    used = {code >> EXTENSION_BITS for code in codes}
    with _lock:
        return tuple(Extension(name, prefix) for name, prefix in _prefixes.items() if prefix in used)


def renumbered(model: Model) -> Model:
    """A valid model with the codes that its extensions' types have in this process, whoever made it.

    No device need know the extensions: one that does not will refuse the operations.
    """
    with _lock:
        numbers = {each.prefix: _prefixes.setdefault(each.name, len(_prefixes) + 1) for each in model.extensions}
    if all(theirs == ours for theirs, ours in numbers.items()):
        return model

    def code(theirs: int) -> int:
        if theirs >> EXTENSION_BITS == 0:
            return theirs
        return numbers[theirs >> EXTENSION_BITS] << EXTENSION_BITS | theirs & ((1 << EXTENSION_BITS) - 1)

    def subgraph(theirs: Subgraph) -> Subgraph:
        operands = tuple(replace(each, type=code(each.type)) for each in theirs.operands)
        operations = tuple(replace(each, type=code(each.type)) for each in theirs.operations)
        return replace(theirs, operands=operands, operations=operations)

    return Model(
        subgraph(model.main),
        tuple(map(subgraph, model.referenced)),
        model.relaxed,
        tuple(replace(each, prefix=numbers[each.prefix]) for each in model.extensions),
    )


def _prefix(name: str) -> int:
    with _lock:
        if name not in _prefixes:
            _check_known(name)
            _prefixes[name] = len(_prefixes) + 1
        return _prefixes[name]


def _check_known(name: str) -> None:
    known: set[str] = set()
    for device in discovery.devices():
        try:
            if device.extension_support(name):
                return
            known.update(device.info.extensions)
        except NnapiError as error:
            _log.warning("a device is not asked for its extensions: %s", str(error))
    raise BadDataError(f"no device knows extension '{name}'; known: {', '.join(sorted(known)) or 'none'}")
