"""Trials that a driver passes by refusing: with the right code, and alive afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import grpc
import numpy as np

from hal.device import Device
from hal.types import OperandType, OperationType
from hal.wire import MESSAGE_LIMIT
from protos.nnhal.v1 import device_pb2, model_pb2
from tools.conformance.case import Subject, fault
from tools.conformance.generated.graphs import graph_case
from tools.conformance.generated.operations import operation_case, subjects
from tools.conformance.invalid.base import BAD_DATA, Base, Mutation
from tools.conformance.invalid.control_flow import control_flow_mutations
from tools.conformance.invalid.models import model_mutations
from tools.conformance.invalid.probe import Answer, Probe, attempt, probe_of
from tools.conformance.invalid.requests import RequestMutation, request_mutations, valid_request
from tools.conformance.invalid.signatures import signature_mutations
from tools.conformance.modes import Mode
from tools.conformance.running import CaseTrial
from tools.conformance.trial import Outcome, Trial, Verdict

MODE = "invalid"

_GENERAL, _REPEATED = 12, 16
"""How many rules are broken in the model of each operation and type: of those that hold for every model,
and of the operation's own, which are all broken in the model of its first type.
"""

_REQUESTED = (
    Subject(OperationType.ADD, OperandType.TENSOR_FLOAT32),
    Subject(OperationType.ADD, OperandType.TENSOR_QUANT8_ASYMM),
    Subject(OperationType.CAST, OperandType.TENSOR_INT32),
    Subject(OperationType.CONV_2D, OperandType.TENSOR_FLOAT32),
    Subject(OperationType.FULLY_CONNECTED, OperandType.TENSOR_FLOAT16),
    Subject(OperationType.GATHER, OperandType.TENSOR_FLOAT32),
    Subject(OperationType.SELECT, OperandType.TENSOR_FLOAT32),
    Subject(OperationType.SPLIT, OperandType.TENSOR_FLOAT32),
    Subject(OperationType.TOPK_V2, OperandType.TENSOR_FLOAT32),
)
"""What requests are made for."""

_CONTROL_FLOW = (
    ("IF", Subject(OperationType.IF, OperandType.TENSOR_BOOL8)),
    ("WHILE", Subject(OperationType.WHILE, OperandType.MODEL)),
)
_SKIPPED = "the device does not support an operation of it"


@dataclass(frozen=True)
class ModelTrial(Trial):
    """A model that a driver must refuse, both when it is asked what it supports and when it is to prepare it."""

    name: str
    subject: Subject | None
    base: Base
    mutation: Mutation
    source = "invalid"
    mode = MODE

    def run(self, device: Device) -> Outcome:
        """Send the model."""
        probe = probe_of(device)
        if not self.base.is_supported(probe):
            return Outcome(self, Verdict.SKIPPED, _SKIPPED)
        message = self.base.mutated(self.mutation.change)
        request = device_pb2.PrepareModelRequest(model=message)
        answers = {"GetSupportedOperations": probe.ask(message), "PrepareModel": probe.prepare(request)}
        reasons = [
            f"{call} {reason}" for call, answer in answers.items() if (reason := answer.fault(self.mutation.codes))
        ]
        died = any(answer.died for answer in answers.values())
        return _outcome(self, probe, died, "; ".join(reasons))


@dataclass(frozen=True)
class RequestTrial(Trial):
    """A request that a driver must refuse, to a prepared model that must still work afterwards."""

    name: str
    subject: Subject | None
    base: Base
    mutation: RequestMutation
    source = "invalid"
    mode = MODE

    def run(self, device: Device) -> Outcome:
        """Prepare the model, send the request, and then a valid one."""
        probe = probe_of(device)
        if not self.base.is_supported(probe):
            return Outcome(self, Verdict.SKIPPED, _SKIPPED)
        reason = ""

        def converse() -> None:
            nonlocal reason
            with probe.prepared(self.base.message) as token:
                changed = valid_request(self.base, token, local=probe.is_local)
                self.mutation.change(changed.message)
                reason = probe.execute(changed.message).fault(self.mutation.codes) or ""
                valid = valid_request(self.base, token, local=probe.is_local)
                response = probe.stub.Execute(valid.message)
                known = replace(self.base.case, expected=tuple(self.base.expected))
                wrong = fault(known, valid.outputs(self.base, response))
                if wrong is not None:
                    reason = f"afterwards a valid request gives wrong results: {wrong.reason}"

        answer = attempt(converse)
        if not answer.accepted:
            reason = reason or f"a valid model or request was refused: {answer.words}"
        return _outcome(self, probe, answer.died, reason)


@dataclass(frozen=True)
class CallTrial(Trial):
    """A call that is none, or comes to nothing."""

    name: str
    call: Callable[[Probe], Answer]
    is_right: Callable[[Answer], bool]
    wanted: str
    subject = None
    source = "invalid"
    mode = MODE

    def run(self, device: Device) -> Outcome:
        """Make the call."""
        probe = probe_of(device)
        answer = self.call(probe)
        reason = "" if self.is_right(answer) else f"ended with {answer.status.name}; it must {self.wanted}"
        return _outcome(self, probe, answer.died, reason)


def _outcome(trial: Trial, probe: Probe, died: bool, reason: str) -> Outcome:
    if died or not probe.is_alive():
        return Outcome(trial, Verdict.FAILED, "the driver has died", died=True)
    return Outcome(trial, Verdict.FAILED if reason else Verdict.PASSED, reason)


def invalid_trials(seed: int) -> Iterator[Trial]:
    """Every invalid trial: models of each operation and type, requests, and calls."""
    bases = [Base(subject, operation_case(subject, seed, all_known=True)) for subject in subjects()]
    bases += [Base(subject, graph_case(kind, seed)) for kind, subject in _CONTROL_FLOW]
    broken: set[OperationType] = set()
    for base in bases:
        yield from _model_trials(base, seed, in_full=base.subject.operation not in broken)
        yield _afterwards(base)
        broken.add(base.subject.operation)
    for base in bases:
        if base.subject in _REQUESTED:
            for mutation in request_mutations(base):
                yield RequestTrial(_name(base, "request", mutation.name), base.subject, base, mutation)
    yield from _call_trials(bases[0])


def _model_trials(base: Base, seed: int, *, in_full: bool) -> Iterator[ModelTrial]:
    random = np.random.default_rng([seed, base.subject.operation, base.subject.data_type])
    own = [*signature_mutations(base, random), *control_flow_mutations(base)]
    general = list(model_mutations(base))
    for mutation in (*_some(own, len(own) if in_full else _REPEATED, random), *_some(general, _GENERAL, random)):
        yield ModelTrial(_name(base, "model", mutation.name), base.subject, base, mutation)


def _some(mutations: Sequence[Mutation], count: int, random: np.random.Generator) -> list[Mutation]:
    return [mutations[number] for number in sorted(random.permutation(len(mutations))[:count])]


def _afterwards(base: Base) -> Trial:
    """The valid model that the others were made of: it must still run."""
    name = f"invalid/{base.subject.operation.name}/{base.subject.data_type.name}/afterwards a valid model"
    return CaseTrial("invalid", name, Mode.COMPUTE.value, base.subject, lambda: base.case)


def _name(base: Base, kind: str, mutation: str) -> str:
    return f"invalid/{base.subject.operation.name}/{base.subject.data_type.name}/{kind}: {mutation}"


def _call_trials(base: Base) -> Iterator[CallTrial]:
    """Messages that are no messages, calls for what is not there, and clients that go away."""

    def refused(answer: Answer) -> bool:
        return not answer.accepted

    def unimplemented_or_bad(answer: Answer) -> bool:
        return answer.code in BAD_DATA or answer.status is grpc.StatusCode.UNIMPLEMENTED

    def raw(method: str, data: bytes) -> Callable[[Probe], Answer]:
        return lambda probe: attempt(lambda: probe.send(method, data))

    def stream(method: str, request: object) -> Callable[[Probe], Answer]:
        return lambda probe: attempt(lambda: next(getattr(probe.stub, method)(request)))

    def prepare(option: str, value: int) -> Callable[[Probe], Answer]:
        request = device_pb2.PrepareModelRequest(model=base.message)
        setattr(request, option, value)
        return lambda probe: probe.prepare(request)

    def left(probe: Probe) -> Answer:
        call = probe.stub.PrepareModel(device_pb2.PrepareModelRequest(model=base.message))
        call.cancel()
        return Answer(True)

    role = device_pb2.Role(prepared_model=2**40, index=3)
    cache = device_pb2.Cache(token=b"nothing", model_regions=["nowhere"], data_regions=["nowhere"])
    called: Sequence[tuple[str, Callable[[Probe], Answer], Callable[[Answer], bool], str]] = (
        *(
            (f"{method} with no message ({len(data)} bytes)", raw(method, data), refused, "be refused")
            for method in ("GetSupportedOperations", "PrepareModel", "Execute")
            for data in (b"\xff", b"\xff" * 1000, bytes(range(256)))
        ),
        ("a method that is not there", raw("Dance", b""), refused, "be refused"),
        ("a message that is too large", raw("PrepareModel", b"\0" * (MESSAGE_LIMIT + 1)), refused, "be refused"),
        ("an empty model", lambda probe: probe.ask(model_pb2.Model()), refused, "be refused"),
        ("an unknown preference", prepare("preference", 99), lambda answer: answer.code in BAD_DATA, "be refused"),
        ("an unknown priority", prepare("priority", 7), lambda answer: answer.code in BAD_DATA, "be refused"),
        (
            "a cache that is none",
            stream("PrepareModelFromCache", device_pb2.PrepareModelFromCacheRequest(cache=cache)),
            unimplemented_or_bad,
            "be refused with BAD_DATA, or not be implemented",
        ),
        (
            "device memory for a prepared model that is none",
            stream("Allocate", device_pb2.AllocateRequest(inputs=[role])),
            unimplemented_or_bad,
            "be refused with BAD_DATA, or not be implemented",
        ),
        (
            "a burst on a prepared model that is none",
            stream("OpenBurst", device_pb2.OpenBurstRequest(prepared_model=2**40, request_ring="x", result_ring="y")),
            unimplemented_or_bad,
            "be refused with BAD_DATA, or not be implemented",
        ),
        *((f"a client that goes away ({number})", left, lambda answer: True, "survive") for number in range(5)),
    )
    for name, call, is_right, wanted in called:
        yield CallTrial(f"invalid/call: {name}", call, is_right, wanted)
