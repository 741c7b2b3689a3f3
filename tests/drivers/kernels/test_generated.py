"""Every kernel against its operation's reference, over the cases that the conformance suite generates."""

from dataclasses import replace

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from drivers.engine.lowering import LOWERINGS
from drivers.engine.numerics import EXACT
from drivers.gpu.numerics import HALF
from hal import reference
from hal.device import Argument, Request
from hal.model import Operand
from hal.types import OperationType
from tests.support import prepare, raw
from tools.conformance.case import fault
from tools.conformance.generated.operations import operation_case, subjects

SEEDS = range(8)


def lowering_key(subject):
    return subject.operation, EXACT.data_type(Operand(subject.data_type))


LOWERED = [subject for subject in subjects() if lowering_key(subject) in LOWERINGS]
NEVER_CONSTANT = {OperationType.FILL}
"""Operations whose generated cases have at run time what their kernels need before."""


def test_every_kernel_has_cases():
    in_numbers = {(subject.operation, HALF.data_type(Operand(subject.data_type))) for subject in subjects()}
    keys = {lowering_key(subject) for subject in LOWERED}
    assert keys <= set(LOWERINGS) <= keys | in_numbers


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


@pytest.mark.parametrize("subject", LOWERED, ids=lambda subject: f"{subject.operation.name}-{subject.data_type.name}")
def test_kernel_equals_reference(device, subject, monkeypatch):
    lowered = []
    key = lowering_key(subject)
    lowering = LOWERINGS[key]

    def counted(builder, arguments):
        lowering(builder, arguments)
        lowered.append(subject)

    monkeypatch.setitem(LOWERINGS, key, counted)
    for seed in SEEDS:
        case = operation_case(subject, seed)
        expected = reference.run(case.model, case.inputs)
        outputs = [np.zeros(each.shape, each.dtype) for each in expected]
        inputs = [
            Argument(None) if each is None else Argument(raw(np.ascontiguousarray(each)), None, each.shape)
            for each in case.inputs
        ]
        prepare(device, case.model).execute(Request(inputs, [Argument(raw(each)) for each in outputs]))
        found = fault(replace(case, expected=tuple(expected)), outputs)
        assert found is None, f"{case.name}: {found.reason}"
    assert lowered or subject.operation in NEVER_CONSTANT
