"""The reference against Android's own test vectors."""

import gzip
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.reference import run
from hal.types import OperandType, OperationType

VECTORS = Path(__file__).parents[4] / "shared" / "vts"

ABSOLUTE = 1e-5
RELATIVE = 5 * 1.1920929e-7


@lru_cache(maxsize=1)
def declared_cases():
    """Every case that only uses declared operations, on data of their declared types."""
    return [
        case
        for path in sorted(VECTORS.glob("*/*.json.gz"))
        for case in json.loads(gzip.decompress(path.read_bytes()))
        if all(is_declared(operation, case["main"]["operands"]) for operation in case["main"]["operations"])
    ]


def is_declared(operation, operands):
    declaration = DECLARATIONS.get(OperationType.__members__.get(operation["type"]))
    if declaration is None:
        return False
    data_type = operands[operation["inputs"][declaration.data_input]]["type"]
    return OperandType.__members__.get(data_type) in declaration.types


def values(operand):
    dtype = OperandType[operand["type"]].dtype
    return np.array(operand["data"], dtype).reshape(operand["dimensions"])


def built(main):
    return Model(
        Subgraph(
            operands=tuple(
                Operand(
                    OperandType[operand["type"]],
                    tuple(operand["dimensions"]),
                    lifetime=Lifetime[operand["lifetime"]],
                    value=values(operand) if operand["lifetime"].startswith("CONSTANT") else None,
                )
                for operand in main["operands"]
            ),
            operations=tuple(
                Operation(OperationType[operation["type"]], tuple(operation["inputs"]), tuple(operation["outputs"]))
                for operation in main["operations"]
            ),
            inputs=tuple(main["inputs"]),
            outputs=tuple(main["outputs"]),
        )
    )


def execute(case):
    main = case["main"]
    return run(built(main), [values(main["operands"][index]) for index in main["inputs"]])


@pytest.fixture(autouse=True)
def vectors():
    if not VECTORS.is_dir():
        pytest.skip(f"{VECTORS} is not there")


@pytest.mark.parametrize("name", [declaration.type.name for declaration in DECLARATIONS.values()])
def test_reference_gives_the_recorded_outputs(name):
    """By the operation that a case is about: its last one. Relaxed models too must be exact here."""
    cases = [
        case
        for case in declared_cases()
        if case["main"]["operations"][-1]["type"] == name and not case["expect_failure"]
    ]
    assert cases
    for case in cases:
        for index, result in zip(case["main"]["outputs"], execute(case)):
            expected = values(case["main"]["operands"][index])
            assert result.shape == expected.shape, case["name"]
            assert result.dtype == expected.dtype, case["name"]
            np.testing.assert_allclose(result, expected, rtol=RELATIVE, atol=ABSOLUTE, err_msg=case["name"])


def test_cases_that_must_fail_are_refused():
    cases = [case for case in declared_cases() if case["expect_failure"]]
    assert cases
    for case in cases:
        with pytest.raises(BadDataError):
            execute(case)
