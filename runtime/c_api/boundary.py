"""The one passage between C and Python: pointers become objects, exceptions result codes.

What a function's parameters need is found out once, when the library is loaded, from its entry in the table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from hal.errors import BadDataError, NnapiError, UnexpectedNullError
from hal.types import ResultCode
from runtime.c_api import handles
from runtime.c_api.functions import Function, Parameter, Role

INTERRUPTED = -1
"""In place of a result code, to the C side of a call: a signal's handler has raised ``KeyboardInterrupt``."""

_NO_ERROR = int(ResultCode.NO_ERROR)
_log = logging.getLogger("nnhal.c")
_Implementation = TypeVar("_Implementation", bound=Callable[..., Any])

implementations: dict[str, Callable[..., Any]] = {}
"""By the function's name. Each takes the function's parameters but for those where results go, which it returns.

Objects come as they are in Python, other pointers as cffi has them.
"""


def implements(name: str) -> Callable[[_Implementation], _Implementation]:
    """Marks what implements the C function ``name``."""

    def register(implementation: _Implementation) -> _Implementation:
        implementations[name] = implementation
        return implementation

    return register


def bound(function: Function) -> Callable[..., Any]:
    """What C calls for ``function``: its implementation, behind the boundary."""
    implementation = implementations[function.name]
    if function.result == "int":
        return _with_result_code(function, implementation)
    if function.result == "void":
        return _freeing(function, implementation)
    return implementation


def _with_result_code(function: Function, implementation: Callable[..., Any]) -> Callable[..., int]:
    parameters = function.parameters
    required = [position for position, each in enumerate(parameters) if each.role not in (Role.VALUE,)]
    looked_up = [
        (position, handles.objects[each.kind]) for position, each in enumerate(parameters) if each.role is Role.OBJECT
    ]
    result = parameters[-1] if parameters and parameters[-1].role in _STORE else None
    taken = len(parameters) - (result is not None)
    store = None if result is None else _STORE[result.role](result)

    def call(*arguments: Any) -> int:
        try:
            for position in required:
                if not arguments[position]:
                    raise UnexpectedNullError(f"{parameters[position].name} is NULL")
            values = list(arguments)
            for position, living in looked_up:
                pointer = arguments[position]
                values[position] = living.get(pointer)
                if values[position] is None:
                    raise BadDataError(handles.fault(parameters[position].kind, pointer))
            value = implementation(*values[:taken])
            if store is not None:
                store(arguments[taken], value)
            return _NO_ERROR
        except BaseException as error:  # noqa: BLE001  there is nobody above but C
            if result is not None and result.on_failure is not None and arguments[taken]:
                arguments[taken][0] = result.on_failure
            return _code(function, error)

    return call


def _freeing(function: Function, implementation: Callable[..., Any]) -> Callable[[int], None]:
    (parameter,) = function.parameters
    living = handles.objects[parameter.kind]

    def call(pointer: int) -> None:
        if not pointer:
            return
        try:
            found = living.get(pointer)
            if found is None:
                raise BadDataError(handles.fault(parameter.kind, pointer))
            implementation(found)
            living.pop(pointer, None)  # another thread may have freed it at the same time
        except BaseException as error:  # noqa: BLE001  there is nobody above but C
            _code(function, error)

    return call


def _code(function: Function, error: BaseException) -> int:
    """The result code for what an implementation has raised, which the log tells in words."""
    if isinstance(error, NnapiError):
        _log.error("%s: %s: %s", function.name, error.code.name, error)
        return int(error.code)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, MemoryError):
        _log.error("%s: OUT_OF_MEMORY: %s", function.name, error or "memory can't be had")
        return int(ResultCode.OUT_OF_MEMORY)
    _log.error("%s: OP_FAILED, unexpectedly", function.name, exc_info=error)
    return int(ResultCode.OP_FAILED)


def _store_object(parameter: Parameter) -> Callable[[Any, Any], None]:
    kind = parameter.kind

    def store(place: Any, value: object) -> None:
        place[0] = handles.add(kind, value)

    return store


def _store_result(parameter: Parameter) -> Callable[[Any, Any], None]:
    def store(place: Any, value: object) -> None:
        place[0] = value

    return store


def _store_results(parameter: Parameter) -> Callable[[Any, Any], None]:
    def store(place: Any, values: list[object]) -> None:
        place[0 : len(values)] = values

    return store


_STORE: dict[Role, Callable[[Parameter], Callable[[Any, Any], None]]] = {
    Role.NEW_OBJECT: _store_object,
    Role.RESULT: _store_result,
    Role.RESULTS: _store_results,
}
