"""The GPU over the cases that the conformance suite generates: what it claims, and that it is right."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from drivers.gpu.device import GpuDevice
from hal import reference
from hal.device import Argument, Request
from hal.types import OperandType
from tests.support import prepare, raw
from tools.conformance.case import fault
from tools.conformance.generated.graphs import graph_case
from tools.conformance.generated.operations import operation_case, subjects

SEEDS = range(12)
WANTED = 75
"""Operations that the GPU takes at least, in float16 or an 8-bit type."""

TYPES = (OperandType.TENSOR_FLOAT16, OperandType.TENSOR_FLOAT32, OperandType.TENSOR_QUANT8_ASYMM)
GRAPHS = ("graph/TENSOR_FLOAT16", "graph/TENSOR_QUANT8_ASYMM", "graph/TENSOR_QUANT8_ASYMM_SIGNED", "graph/relaxed")


@pytest.fixture(scope="module")
def device():
    return GpuDevice()


def takes(device, case):
    return all(support.supported for support in device.supported_operations(case.model))


def check(device, case):
    expected = reference.run(case.model, case.inputs)
    outputs = [np.zeros(each.shape, each.dtype) for each in expected]
    inputs = [
        Argument(None) if each is None else Argument(raw(np.ascontiguousarray(each)), None, each.shape)
        for each in case.inputs
    ]
    prepare(device, case.model).execute(Request(inputs, [Argument(raw(each)) for each in outputs]))
    found = fault(replace(case, expected=tuple(expected)), outputs)
    assert found is None, f"{case.name}: {found.reason}"


@pytest.mark.parametrize("data_type", TYPES, ids=lambda data_type: data_type.name)
def test_what_it_takes_it_computes(device, data_type):
    checked = Counter()
    for subject in subjects():
        if subject.data_type is data_type:
            for seed in SEEDS:
                case = operation_case(subject, seed)
                if checked[subject] < 2 and takes(device, case):
                    check(device, case)
                    checked[subject] += 1
    assert len(checked) > WANTED / 2


@pytest.mark.parametrize("kind", GRAPHS)
def test_graphs(device, kind):
    cases = [case for case in (graph_case(kind, seed) for seed in SEEDS) if takes(device, case)]
    for case in cases:
        check(device, case)
    assert cases


def test_it_takes_enough_operations(device):
    taken = {
        subject.operation
        for subject in subjects()
        if any(takes(device, operation_case(subject, seed)) for seed in SEEDS)
    }
    assert len(taken) >= WANTED
