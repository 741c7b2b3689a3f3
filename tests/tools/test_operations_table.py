"""The page of all operations is current, and says why which of them have no kernels."""

from drivers.engine.lowering import ON_REFERENCE
from hal.operations import DECLARATIONS
from hal.types import OperandType, OperationType
from tools.operations_table import PAGE, has_kernel, page


def test_the_page_is_current():
    assert PAGE.read_text() == page(), "make docs"


def test_what_has_no_kernels_has_a_reason():
    missing = {
        declaration.type
        for declaration in DECLARATIONS.values()
        if not all(has_kernel(declaration, data_type) for data_type in declaration.types)
    }
    assert missing == set(ON_REFERENCE)


def test_a_cell_tells_level_and_kernel():
    rows = {cells[1].strip(): cells[2:] for line in page().splitlines() if len(cells := line.split("|")) > 4}
    assert len(rows) == len(DECLARATIONS) + 2
    assert [cell.strip() for cell in rows["PAD"]] == ["**2**", "**3**", "**2**", "**4**", "", "", "", ""]
    assert rows["WHILE"][6].strip() == "MODEL 4"
    assert not has_kernel(DECLARATIONS[OperationType.TOPK_V2], OperandType.TENSOR_FLOAT32)
