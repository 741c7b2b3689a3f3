"""Executing cases on a device and judging the outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

from hal import reference
from hal.device import Device
from hal.errors import DeadObjectError, NnapiError
from runtime.burst import Burst
from runtime.compilation import Compilation
from runtime.event import Event
from runtime.execution import Execution
from tools.conformance.arguments import Arguments, InMemories, OnDevice
from tools.conformance.building import build
from tools.conformance.case import Array, Case, Subject, fault, subject
from tools.conformance.modes import Mode, adapted
from tools.conformance.trial import Outcome, Trial, Verdict

_ARGUMENTS = {Mode.FENCED: InMemories, Mode.DEVICE_MEMORY: OnDevice}
_REUSING = (Mode.REUSABLE, Mode.BURST)
_REUSES = 3


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
            if mode is Mode.FENCED and _has_empty_output(case):
                return Outcome(self, Verdict.SKIPPED, "fences need outputs of known dimensions, so with elements")
            computations = list(_executed(compilation, case, mode))
        except DeadObjectError as error:
            return Outcome(self, Verdict.FAILED, str(error), died=True)
        except NnapiError as error:
            if case.must_fail:
                return Outcome(self, Verdict.PASSED)
            return Outcome(self, Verdict.FAILED, f"{error.code.name}: {error}")
        if case.must_fail:
            return Outcome(self, Verdict.FAILED, "it must fail and did not", executed=True)
        for outputs in computations:
            found = fault(case, outputs)
            if found is not None:
                return Outcome(self, Verdict.FAILED, found.reason, found.differences, executed=True)
        return Outcome(self, Verdict.PASSED, executed=True)


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


def _has_empty_output(case: Case) -> bool:
    return any(each is not None and not each.size for each in case.expected or ())


def _with_expected(case: Case) -> Case:
    if case.expected is not None:
        return case
    return replace(case, expected=tuple(reference.run(case.model, case.inputs)))


def _executed(compilation: Compilation, case: Case, mode: Mode) -> Iterator[list[Array]]:
    """The outputs of each computation: one, but for a reusable execution and a burst."""
    arguments = _ARGUMENTS.get(mode, Arguments)(compilation, case)
    execution = Execution(compilation)
    if mode in _REUSING:
        execution.set_reusable(True)
    arguments.give(execution)
    burst = Burst(compilation) if mode is Mode.BURST else None
    with burst or nullcontext():
        yield from _computed(execution, mode, burst, arguments)


def _computed(execution: Execution, mode: Mode, burst: Burst | None, arguments: Arguments) -> Iterator[list[Array]]:
    for _ in range(_REUSES if mode in _REUSING else 1):
        arguments.clear()
        if mode is Mode.START_COMPUTE:
            execution.start_compute().wait()
        elif mode is Mode.FENCED:
            _compute_fenced(execution)
        elif burst is not None:
            execution.burst_compute(burst)
        else:
            execution.compute()
        yield arguments.results(execution)


def _compute_fenced(execution: Execution) -> None:
    """Compute once a descriptor has become readable, which it does while the execution waits for it."""
    gate = os.eventfd(0)
    try:
        event = execution.start_compute_with_dependencies([Event.from_sync_fence_fd(gate)])
        os.eventfd_write(gate, 1)
        event.wait()
    finally:
        os.close(gate)
