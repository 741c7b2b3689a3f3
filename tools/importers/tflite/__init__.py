"""Imports TFLite models.

``reader`` turns the file into plain, checked values, ``operators`` says for each TFLite operator how
NNAPI expresses it, ``graph`` is what it says it with, ``sparsity`` unpacks sparse weights.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hal.errors import BadDataError
from runtime.model import Model
from tools.importers.tflite.graph import Conversion, Importer, UnsupportedError
from tools.importers.tflite.operators import MAPPING
from tools.importers.tflite.reader import File, Operator, read

_SHOWN_PLACES = 8


def load(path: str | os.PathLike[str], *, relaxed: bool = False) -> Model:
    """The finished NNAPI model of a TFLite file.

    Constant DEQUANTIZE and DENSIFY operators are computed here; an absent bias becomes one of zeros.
    A tensor's shape is the file's, also where its signature leaves it open. Raises ``BadDataError``
    when the file can't be read or is damaged, and, naming each of them and where it occurs, when it
    has operators that NNAPI can't express.
    """
    path = Path(path)
    try:
        return _convert(read(path), relaxed=relaxed)
    except BadDataError as error:
        raise BadDataError(f"{path}: {error}", operand=error.operand, operation=error.operation) from error


def _convert(file: File, *, relaxed: bool) -> Model:
    refusals = _Refusals()
    main = Importer(file, file.graphs[0])
    main.model.relax_computation_float32_to_float16(relaxed)
    _convert_operators(main, 0, refusals)
    try:
        model = None if refusals.found else main.finish()
    except UnsupportedError as error:
        raise BadDataError(f"its inputs or outputs have {error}, which NNAPI can't express") from error
    if model is not None:
        return model
    for index, graph in enumerate(file.graphs[1:], start=1):  # operators that can't be mapped may refer to them
        _convert_operators(Importer(file, graph), index, refusals)
    raise BadDataError(refusals.message())


def _convert_operators(importer: Importer, subgraph: int, refusals: _Refusals) -> None:
    for operator in importer.graph.operators:
        importer.check_order(operator)
        convert = MAPPING.get(operator.custom_code if operator.name == "CUSTOM" else operator.name)
        if convert is None:
            refusals.add(operator, subgraph, "")
            continue
        try:
            convert(Conversion(importer, operator))
        except UnsupportedError as error:
            refusals.add(operator, subgraph, str(error))


@dataclass
class _Refusals:
    """What NNAPI can't express: for each kind of operator and reason, the places."""

    found: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, operator: Operator, subgraph: int, reason: str) -> None:
        name = operator.name
        if name == "CUSTOM":
            name = f"custom operator {operator.custom_code!r}"
            reason = reason or f"{len(operator.custom_options)} bytes of options"
        elif not reason:
            reason = ", ".join(f"{option}={value}" for option, value in operator.options.items())
        self.found.setdefault((name, reason), []).append(f"{subgraph}/{operator.index}")

    def message(self) -> str:
        kinds = []
        for (name, reason), places in sorted(self.found.items()):
            where = ", ".join(places[:_SHOWN_PLACES])
            more = f" and {len(places) - _SHOWN_PLACES} more" if len(places) > _SHOWN_PLACES else ""
            kinds.append(f"{name}{f' ({reason})' if reason else ''} at {where}{more}")
        count = sum(map(len, self.found.values()))
        return f"NNAPI can't express {count} of its operators (subgraph/operator): {'; '.join(kinds)}"
