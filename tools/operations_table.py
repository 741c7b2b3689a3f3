"""The page of all operations: ``python -m tools.operations_table`` writes docs/operations.md anew.

It is made of the declarations and of the kernels that the CPU device has for them.
"""

from __future__ import annotations

from pathlib import Path

from drivers import kernels  # noqa: F401 -- registers the lowerings
from drivers.engine.lowering import LOWERINGS, ON_REFERENCE
from drivers.engine.numerics import EXACT
from hal.model import Operand
from hal.operations import DECLARATIONS
from hal.operations.declaration import Declaration
from hal.types import FeatureLevel, OperandType

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operations.md"

_COLUMNS = (
    OperandType.TENSOR_FLOAT32,
    OperandType.TENSOR_FLOAT16,
    OperandType.TENSOR_QUANT8_ASYMM,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
    OperandType.TENSOR_INT32,
    OperandType.TENSOR_BOOL8,
)

_TEXT = """# Operations

<!-- Written by `make docs`: what is changed here by hand is lost. -->

What data an operation takes, by the type of its main input, and since which feature level of NNAPI: 1 is Android 8.1,
2 is 9, 3 is 10, 4 is 11, 5 is 12; 6 to 8 came with updates. **Bold:** the CPU device has a kernel for it, else it runs
the operation's reference, in NumPy.

{table}

DENSIFY is no part of NNAPI yet: Android has it as an experiment, under the code 20000.

## Left to their references

{reasons}

An operation that has kernels still runs its reference where none can be made before the execution: for empty tensors,
where a parameter such as an axis is computed by the model itself (also the indexes of GATHER and EMBEDDING_LOOKUP,
which are checked then), and for a broadcast that does not come down to four dimensions.
"""


def page() -> str:
    """The page as it must be."""
    declarations = sorted(DECLARATIONS.values(), key=lambda declaration: declaration.type.name)
    heads = [column.name.removeprefix("TENSOR_") for column in _COLUMNS]
    rows = [[declaration.type.name, *_cells(declaration)] for declaration in declarations]
    reasons = [[operation_type.name, reason] for operation_type, reason in ON_REFERENCE.items()]
    return _TEXT.format(
        table=_table(["operation", *heads, "other types"], rows),
        reasons=_table(["operation", "why"], reasons),
    )


def has_kernel(declaration: Declaration, data_type: OperandType) -> bool:
    """Whether the CPU device has a kernel for the operation over data of the type."""
    return (declaration.type, EXACT.data_type(Operand(data_type))) in LOWERINGS


def _cells(declaration: Declaration) -> list[str]:
    others = [f"{each.name} {_level(declaration, each)}" for each in sorted(declaration.types) if each not in _COLUMNS]
    return [*(_level(declaration, each) for each in _COLUMNS), ", ".join(others)]


def _level(declaration: Declaration, data_type: OperandType) -> str:
    """The feature level that brought the type, empty where none did."""
    if data_type not in declaration.types:
        return ""
    level = str(list(FeatureLevel).index(declaration.types[data_type]) + 1)
    return f"**{level}**" if has_kernel(declaration, data_type) else level


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
