"""Two models side by side, on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence

from hal.device import Progress
from hal.errors import BadDataError
from hal.model import Operand
from hal.operand_rules import described, merge
from runtime.compiled import compile_model
from runtime.model import Model
from tools.deviation import Array, Deviation, deviation
from tools.samples import Sample, real, stored

DEVICE = "cpu"
"""What executes both: the device that computes exactly what NNAPI defines."""


def check_comparable(first: Model, second: Model) -> None:
    """Refuse models that differ in the number or the dimensions of inputs or outputs with ``BadDataError``."""
    for kind in ("input", "output"):
        ours, theirs = (_arguments(model, kind) for model in (first, second))
        if len(ours) != len(theirs):
            raise BadDataError(f"the first model has {len(ours)} {kind}s and the second {len(theirs)}")
        for number, (one, other) in enumerate(zip(ours, theirs)):
            if one.dimensions != other.dimensions and merge(one.dimensions, other.dimensions) is None:
                raise BadDataError(
                    f"{kind} {number} is {described(one.type, one.dimensions)} in the first model "
                    f"and {described(other.type, other.dimensions)} in the second"
                )


def compare(first: Model, second: Model, samples: Sequence[Sample], progress: Progress) -> list[Deviation]:
    """How far each output of ``second`` is from that of ``first``, as the real numbers that they stand for.

    The models must be comparable; their types may differ, and each gets the samples as its inputs store them.
    """
    results = [_run(model, samples, progress) for model in (first, second)]
    for number, (one, other) in enumerate(zip(*results)):
        for ours, theirs in zip(one, other):
            if ours.shape != theirs.shape:
                raise BadDataError(
                    f"output {number} has shape {list(ours.shape)} in the first model "
                    f"and {list(theirs.shape)} in the second"
                )
    return [deviation(one, other) for one, other in zip(*results)]


def _run(model: Model, samples: Sequence[Sample], progress: Progress) -> list[list[Array]]:
    """For each output, what the model makes of each sample."""
    inputs, outputs = _arguments(model, "input"), _arguments(model, "output")
    results: list[list[Array]] = [[] for _ in outputs]
    with compile_model(model, [DEVICE], progress=progress) as compiled:
        for done, sample in enumerate(samples):
            progress("running", done, len(samples))
            for column, array, operand in zip(results, compiled.run(stored(sample, inputs)), outputs):
                column.append(real(array, operand))
    return results


def _arguments(model: Model, kind: str) -> list[Operand]:
    main = model.canonical.main
    return [main.operands[index] for index in (main.inputs if kind == "input" else main.outputs)]
