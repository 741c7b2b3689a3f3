"""The constants against NNAPI's own, as tables."""

import csv
from pathlib import Path

import pytest

from hal.operations import DECLARATIONS
from hal.types import (
    DeviceType,
    DurationCode,
    FeatureLevel,
    FuseCode,
    OperandType,
    OperationType,
    PaddingCode,
    PreferenceCode,
    Priority,
    ResultCode,
)

NNAPI = Path(__file__).parents[3] / "shared" / "nnapi"

PREFIXES = {
    OperandType: "",
    FuseCode: "FUSED_",
    PaddingCode: "PADDING_",
    PreferenceCode: "PREFER_",
    DeviceType: "DEVICE_",
    FeatureLevel: "FEATURE_",
    ResultCode: "",
    DurationCode: "DURATION_",
    Priority: "PRIORITY_",
}


def table(name):
    path = NNAPI / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_constants_are_nnapis():
    rows = {row["constant"]: row["value"] for row in table("constants.csv")}
    expected = {name: int(rows.get(value, value)) for name, value in rows.items()}
    ours = {
        "ANEURALNETWORKS_" + (prefix + name).replace("DURATION_FENCED_", "FENCED_DURATION_"): int(value)
        for enumeration, prefix in PREFIXES.items()
        for name, value in enumeration.__members__.items()
    }
    assert ours == expected


def test_operations_are_nnapis():
    expected = {row["operation"]: int(row["code"]) for row in table("operations.csv")}
    experimental = {"DENSIFY": 20000}
    assert {operation.name: int(operation) for operation in OperationType} == {**expected, **experimental}


def test_declarations_have_nnapis_feature_level():
    levels = {row["operation"]: FeatureLevel[f"LEVEL_{row['feature_level']}"] for row in table("operations.csv")}
    wrong = {
        declaration.type.name: declaration.since.name
        for declaration in DECLARATIONS.values()
        if declaration.since != levels.get(declaration.type.name, declaration.since)
    }
    assert wrong == {}


def test_every_operand_type_but_model_stores_elements():
    sizes = {
        operand_type.name: operand_type.dtype.itemsize for operand_type in OperandType if operand_type.name != "MODEL"
    }
    assert sizes == {
        "FLOAT32": 4,
        "INT32": 4,
        "UINT32": 4,
        "TENSOR_FLOAT32": 4,
        "TENSOR_INT32": 4,
        "TENSOR_QUANT8_ASYMM": 1,
        "BOOL": 1,
        "TENSOR_QUANT16_SYMM": 2,
        "TENSOR_FLOAT16": 2,
        "TENSOR_BOOL8": 1,
        "FLOAT16": 2,
        "TENSOR_QUANT8_SYMM_PER_CHANNEL": 1,
        "TENSOR_QUANT16_ASYMM": 2,
        "TENSOR_QUANT8_SYMM": 1,
        "TENSOR_QUANT8_ASYMM_SIGNED": 1,
    }
    with pytest.raises(KeyError):
        OperandType.MODEL.dtype  # noqa: B018 - reading it is the test
