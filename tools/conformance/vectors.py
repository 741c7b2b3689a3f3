"""Recorded vectors: cases as gzipped JSON, in folders named after the specification's version.

Each file is a list of cases; each case has a ``main`` subgraph and the ``referenced`` ones that IF and
WHILE execute, with the values of inputs, constants and expected outputs in their operands' ``data``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hal.errors import BadDataError
from hal.model import Lifetime, Model, Operand, Operation, PerChannelQuantization, Subgraph
from hal.types import OperandType, OperationType
from tools.conformance.case import Array, Case

_LIFETIMES = {"CONSTANT_REFERENCE": Lifetime.CONSTANT_COPY}


def read_cases(directory: Path) -> Iterator[Case]:
    """Every case below ``directory``, in the order of its files; ``BadDataError`` for a file that is none."""
    paths = sorted(directory.glob("**/*.json.gz"))
    if not paths:
        raise BadDataError(f"{directory} has no vectors: there is no .json.gz file in it")
    for path in paths:
        try:
            cases = json.loads(gzip.decompress(path.read_bytes()))
            yield from (recorded_case(path.parent.name, case) for case in cases)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise BadDataError(f"{path} is not a file of recorded vectors: {error}") from error


def recorded_case(version: str, case: dict[str, Any]) -> Case:
    """The case in a record of the specification's ``version``."""
    main = case["main"]
    model = Model(_subgraph(main), tuple(_subgraph(subgraph) for subgraph in case["referenced"]), bool(case["relaxed"]))
    operands = main["operands"]
    inputs = tuple(_value(operands[index]) if operands[index]["data"] else None for index in main["inputs"])
    expected = tuple(None if operands[index].get("ignored") else _value(operands[index]) for index in main["outputs"])
    return Case(
        f"{version}/{case['name']}", model, inputs, expected, case["expect_failure"], case["multinomial_tolerance"]
    )


def _subgraph(subgraph: dict[str, Any]) -> Subgraph:
    return Subgraph(
        tuple(_operand(operand) for operand in subgraph["operands"]),
        tuple(
            Operation(OperationType[each["type"]], tuple(each["inputs"]), tuple(each["outputs"]))
            for each in subgraph["operations"]
        ),
        tuple(subgraph["inputs"]),
        tuple(subgraph["outputs"]),
    )


def _operand(operand: dict[str, Any]) -> Operand:
    lifetime = _LIFETIMES.get(operand["lifetime"]) or Lifetime[operand["lifetime"]]
    if lifetime is Lifetime.CONSTANT_COPY and not operand["data"]:
        lifetime = Lifetime.NO_VALUE  # a constant of no bytes is how NNAPI omits an operand
    if lifetime is Lifetime.SUBGRAPH:
        (subgraph,) = operand["data"]
        return Operand(OperandType.MODEL, lifetime=lifetime, subgraph=subgraph)
    quantization = operand.get("channel_quant")
    per_channel = None
    if quantization:
        scales = np.array(quantization["scales"], np.float32).tolist()
        per_channel = PerChannelQuantization(quantization["channel_dim"], tuple(scales))
    return Operand(
        OperandType[operand["type"]],
        tuple(operand["dimensions"]),
        operand["scale"],
        operand["zero_point"],
        lifetime,
        _value(operand) if lifetime is Lifetime.CONSTANT_COPY else None,
        per_channel=per_channel,
    )


def _value(operand: dict[str, Any]) -> Array:
    array = np.array(operand["data"], OperandType[operand["type"]].dtype)
    return array.reshape(operand["dimensions"])
