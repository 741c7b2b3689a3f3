"""Executing cases on a device and judging the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from hal import reference
from hal.device import Device
from hal.errors import DeadObjectError, NnapiError
from hal.types import OperandType
from runtime.compilation import Compilation
from runtime.execution import Execution
from tools.conformance.building import build
from tools.conformance.case import Array, Case, Subject, fault, subject
from tools.conformance.modes import Mode, adapted
from tools.conformance.trial import Outcome, Trial, Verdict


@dataclass(frozen=True)
class CaseTrial(Trial):
    """A case executed in a mode. ``make`` gives the case: making one may take as long as executing it."""

    source: str
    name: str
    mode: str
    subject: Subject | None
    make: Callable[[], Case]

    def run(self, device: Device) -> Outcome:
        """Execute the case through the API and compare what comes out."""
        case, mode = self.make(), Mode(self.mode)
        try:
            model = build(
                case.model,
                weights_in_memory=mode is Mode.WEIGHTS_IN_MEMORY,
                outputs_unspecified=mode is Mode.UNSPECIFIED_OUTPUTS,
            )
            refusals = [each.refusal for each in device.supported_operations(model.canonical) if not each.supported]
            if refusals:
                return Outcome(self, Verdict.SKIPPED, refusals[0])
            case = _with_expected(case)
            compilation = Compilation(model, [device])
            compilation.finish()
            outputs = _executed(compilation, case, mode)
        except DeadObjectError as error:
            return Outcome(self, Verdict.FAILED, str(error), died=True)
        except NnapiError as error:
            if case.must_fail:
                return Outcome(self, Verdict.PASSED)
            return Outcome(self, Verdict.FAILED, f"{error.code.name}: {error}")
        if case.must_fail:
            return Outcome(self, Verdict.FAILED, "it must fail and did not")
        found = fault(case, outputs)
        if found is None:
            return Outcome(self, Verdict.PASSED)
        return Outcome(self, Verdict.FAILED, found.reason, found.differences)


def planned(source: str, cases: Iterable[Case], modes: Iterable[Mode]) -> list[CaseTrial]:
    """A trial of each case in each mode that applies to it."""
    chosen = list(modes)
    return [
        CaseTrial(source, changed.name, mode.value, subject(changed.model), _always(changed))
        for case in cases
        for mode in chosen
        if (changed := adapted(case, mode)) is not None
    ]


def _always(case: Case) -> Callable[[], Case]:
    return lambda: case


def _with_expected(case: Case) -> Case:
    if case.expected is not None:
        return case
    return replace(case, expected=tuple(reference.run(case.model, case.inputs)))


def _executed(compilation: Compilation, case: Case, mode: Mode) -> list[Array]:
    execution = Execution(compilation)
    for index, value in enumerate(case.inputs):
        execution.set_input(index, None if value is None else np.ascontiguousarray(value).reshape(value.shape))
    buffers = _buffers(case)
    for index, buffer in enumerate(buffers):
        execution.set_output(index, buffer)
    if mode is Mode.START_COMPUTE:
        execution.start_compute().wait()
    else:
        execution.compute()
    outputs = []
    for index, buffer in enumerate(buffers):
        if buffer.ndim == 0:
            outputs.append(buffer)
            continue
        dimensions = execution.get_output_operand_dimensions(index)
        size = int(np.prod(dimensions, dtype=np.int64))
        outputs.append(buffer.reshape(-1)[:size].reshape(dimensions))
    return outputs


def _buffers(case: Case) -> list[Array]:
    """Room for each output: as much as is expected, or as its operand declares."""
    main = case.model.main
    assert case.expected is not None
    buffers = []
    for index, expected in zip(main.outputs, case.expected):
        operand = main.operands[index]
        dimensions = operand.dimensions if expected is None else expected.shape
        buffers.append(np.zeros(dimensions, OperandType(operand.type).dtype))
    return buffers
