"""Running a specification with nothing in reach but the language and a few harmless functions.

It is a Python program from somebody else. What it may say is checked before it runs: no names or
attributes that lead out of the language, and no modules but stand-ins with the functions that
specifications use. A specification that says anything else is not run.
"""

from __future__ import annotations

import ast
import builtins
import collections
import copy
import functools
import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tools.conformance.aosp import examples, language, variations
from tools.conformance.aosp.language import LanguageError

_BUILTINS = (
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "int", "isinstance", "len", "list",
    "map", "max", "min", "pow", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip
_NUMPY = (
    "abs", "arange", "array", "concatenate", "exp", "float16", "float32", "float64", "full", "inf", "int32", "int8",
    "linspace", "log", "matmul", "max", "maximum", "mean", "min", "minimum", "multiply", "nan", "ones", "pi", "prod",
    "pad", "repeat", "reshape", "sqrt", "stack", "sum", "tile", "transpose", "uint8", "zeros",
)  # fmt: skip
_LANGUAGE = (
    "BoolScalar", "Float16Scalar", "Float32Scalar", "Float32Vector", "IgnoredOutput", "Input", "Int32Scalar",
    "Int32Vector", "Internal", "Operand", "Output", "Parameter", "SubgraphReference", "SymmPerChannelQuantParams",
)  # fmt: skip
_VARIATIONS = (
    "ActivationConverter", "AllInputsAsInternalCoverter", "AllOutputsAsInternalCoverter",
    "AllTensorsAsInputsConverter", "AxisConverter", "DataLayoutConverter", "DataTypeConverter",
    "ParameterAsInputConverter", "RelaxedModeConverter",
)  # fmt: skip
_FORBIDDEN_ATTRIBUTES = ("tofile", "dump", "dumps", "ctypes", "format_map")
_FORBIDDEN_PREFIXES = ("_", "gi_", "cr_", "ag_", "tb_", "f_", "co_", "func_")


def _only(module: Any, names: tuple[str, ...]) -> SimpleNamespace:
    return SimpleNamespace(**{name: getattr(module, name) for name in names})


@dataclass(frozen=True, slots=True)
class Specification:
    """What a specification has declared."""

    models: list[language.Model]
    examples: list[examples.Example]


def evaluated(source: str) -> Specification:
    """What the specification declares; ``LanguageError`` where it says something that is not understood."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise LanguageError(f"it is no Python program: {error}") from error
    _check(tree)
    specification = Specification([], [])
    try:
        exec(compile(tree, "<specification>", "exec"), _scope(specification))
    except LanguageError:
        raise
    except Exception as error:
        raise LanguageError(f"{type(error).__name__}: {error}") from error
    return specification


def _check(tree: ast.Module) -> None:
    """Refuse names that lead out of the language."""
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        is_hidden = name.startswith("__") if isinstance(node, ast.Name) else name.startswith(_FORBIDDEN_PREFIXES)
        if is_hidden or (isinstance(node, ast.Attribute) and name in _FORBIDDEN_ATTRIBUTES):
            raise LanguageError(f"line {node.lineno}: '{name}' is out of reach")  # type: ignore[attr-defined]
        if isinstance(node, (ast.ClassDef, ast.AsyncFunctionDef, ast.Await, ast.Yield, ast.YieldFrom, ast.Global)):
            raise LanguageError(f"line {node.lineno}: a specification has no {type(node).__name__}")


def _scope(specification: Specification) -> dict[str, Any]:
    """Everything that the specification can name."""
    modules: Mapping[str, SimpleNamespace] = {
        "collections": _only(collections, ("namedtuple", "OrderedDict")),
        "copy": _only(copy, ("copy", "deepcopy")),
        "functools": _only(functools, ("partial", "reduce")),
        "itertools": _only(itertools, ("chain", "combinations", "permutations", "product", "repeat")),
        "math": _only(math, tuple(name for name in vars(math) if not name.startswith("_"))),
        "numpy": _only(np, _NUMPY),
        "random": _seeded(),
    }

    def imported(name: str, *context: Any) -> SimpleNamespace:
        if name not in modules:
            raise LanguageError(f"it imports {name}")
        return modules[name]

    bound = {
        "Model": type("Model", (language.Model,), {"declared": specification.models}),
        "Example": type(
            "Example", (examples.Example,), {"declared": specification.examples, "models": specification.models}
        ),
        "Configuration": SimpleNamespace(use_shm_for_weights=False),
    }
    return {
        "__builtins__": {name: getattr(builtins, name) for name in _BUILTINS} | {"__import__": imported},
        **vars(_only(language, _LANGUAGE)),
        **vars(_only(variations, _VARIATIONS)),
        **bound,
    }


def _seeded() -> SimpleNamespace:
    source = random.Random(0)
    return _only(source, ("choice", "randint", "random", "sample", "seed", "shuffle", "uniform"))
