"""The references against Android's own test vectors, judged by Android's rules."""

from functools import lru_cache
from pathlib import Path

import pytest

from hal.errors import NnapiError
from hal.operations import DECLARATIONS
from hal.reference import run
from hal.validation import validate_model
from tools.conformance.case import fault
from tools.conformance.vectors import read_cases

VECTORS = Path(__file__).parents[4] / "shared" / "vts"


@lru_cache(maxsize=1)
def declared_cases():
    """Every case all of whose operations are declared, by the operation that it is about: its last one."""
    cases = {}
    for case in read_cases(VECTORS):
        if case.operation_types <= set(DECLARATIONS):
            cases.setdefault(case.model.main.operations[-1].type, []).append(case)
    return cases


def complaint(case):
    try:
        validate_model(case.model)
        outputs = run(case.model, case.inputs)
    except NnapiError as error:
        return None if case.must_fail else f"{type(error).__name__}: {error}"
    return "it must fail" if case.must_fail else fault(case, outputs)


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"{VECTORS} is not there")
@pytest.mark.parametrize("operation_type", DECLARATIONS, ids=lambda operation_type: operation_type.name)
def test_the_reference_gives_the_recorded_outputs_or_refuses(operation_type):
    cases = declared_cases().get(operation_type)
    assert cases, "no case is about this operation"
    complaints = {case.name: complaint(case) for case in cases}
    assert {name: reason for name, reason in complaints.items() if reason is not None} == {}
