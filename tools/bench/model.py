"""One model's part of a benchmark."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hal.device import Progress
from hal.errors import BadDataError, NnapiError
from hal.inference import with_inferred_dimensions
from hal.model import Model as CanonicalModel
from hal.model import is_extension
from hal.operations.control_flow import CONTROL_FLOW
from hal.operations.declaration import UnknownValueError
from hal.workload import Workload, workload
from runtime.model import Model
from runtime.values import Array
from tools.bench.agreement import agreement, quantised_agreement
from tools.bench.alternating import TIME, Contender, Spread, alternated
from tools.bench.busyness import Others
from tools.bench.engine import idle_execution
from tools.bench.litert import LiteRt
from tools.bench.ours import COMPUTING, Ours, fresh_driver
from tools.bench.result import ModelResult, Split, Work
from tools.exporters.tflite import export
from tools.samples import random_samples, stored


@dataclass(frozen=True, slots=True)
class Plan:
    """How models are measured. ``against``: whether beside LiteRT. ``seconds``: for each model."""

    device: str
    threads: int
    mode: str
    against: bool
    seconds: float


def measure(path: Path, model: Model, plan: Plan, progress: Progress) -> ModelResult:
    """Measure a model on the device, behind a driver that is started for it, and LiteRT in turns with it.

    Both get the same random inputs, always the same. What goes wrong on either side, the result says. Raises
    ``BadDataError`` for inputs of unknown dimensions, ``UnavailableDeviceError`` where there is no such device.
    """
    canonical = model.canonical
    operands = [canonical.main.operands[index] for index in canonical.main.inputs]
    inputs = stored(random_samples(operands, 1)[0], operands)
    works = _works(canonical)
    result = ModelResult(
        path.stem,
        quantised=works is not None and _is_quantised(works),
        work=None if works is None else _work(works),
    )
    with fresh_driver(plan.device, plan.threads, plan.mode) as (device, process):
        others = Others([process])
        try:
            with contextlib.closing(Ours(model, device, inputs, plan.mode, progress)) as ours:
                result = _measured(result, path, canonical, inputs, ours, plan, progress)
        except NnapiError as error:
            return replace(result, failure=f"{error.code.name}: {error}")
        return replace(result, others=others.cores())


def _measured(
    result: ModelResult,
    path: Path,
    model: CanonicalModel,
    inputs: Sequence[Array],
    ours: Ours,
    plan: Plan,
    progress: Progress,
) -> ModelResult:
    contenders: dict[str, Contender] = {"ours": ours.call}
    if plan.against:
        try:
            content = _content(path, model)
            theirs = LiteRt(content, inputs, plan.threads)
        except BadDataError as error:
            result = replace(result, refusal=str(error))
        else:
            operands = [model.main.operands[index] for index in model.main.outputs]
            if result.quantised:
                exact = LiteRt(content, inputs, plan.threads, reference=True).outputs()
                agreed = quantised_agreement(ours.outputs(), theirs.outputs(), exact, operands)
            else:
                agreed = agreement(ours.outputs(), theirs.outputs(), operands)
            result = replace(result, agreement=agreed)
            contenders["theirs"] = theirs.call
    idle = idle_execution(model, plan.device, inputs, plan.threads, plan.mode)
    if idle is not None:
        contenders["engine"] = idle

    def share(done: float) -> None:
        progress(f"measuring {path.stem}", round(100 * done), 100)

    found = dict(zip(contenders, alternated(list(contenders.values()), plan.seconds, share)))
    engine = found["engine"][TIME] if idle is not None else None
    split = _split(found["ours"][TIME], found["ours"].get(COMPUTING), engine)
    return replace(result, ours=found["ours"], theirs=found.get("theirs"), split=split)


def _content(path: Path, model: CanonicalModel) -> bytes:
    """The model as LiteRT reads it: the file itself, or for one of another format the same model exported."""
    return path.read_bytes() if path.suffix == ".tflite" else export(model)


def _split(ours: Spread, computing: Spread | None, engine: Spread | None) -> Split | None:
    if computing is None:
        return None
    return Split(ours.median - computing.median, computing.median, None if engine is None else engine.median)


def _works(model: CanonicalModel) -> list[Workload] | None:
    """Each operation's work; None where only an execution decides it."""
    main = with_inferred_dimensions(model.main)
    if any(is_extension(each.type) or each.type in CONTROL_FLOW for each in main.operations):
        return None
    if any(0 in operand.dimensions for operand in main.operands):
        return None
    try:
        return [workload(each, main.operands) for each in main.operations]
    except UnknownValueError:
        return None


def _work(works: Sequence[Workload]) -> Work:
    return Work(
        sum(2 * each.macs for each in works),
        sum(each.input_bytes + each.weight_bytes + each.output_bytes for each in works),
    )


def _is_quantised(works: Sequence[Workload]) -> bool:
    """Whether most multiply-accumulates are of 8-bit values."""
    quantised = sum(each.macs for each in works if each.data_type.dtype.itemsize == 1)
    return 2 * quantised > sum(each.macs for each in works)
