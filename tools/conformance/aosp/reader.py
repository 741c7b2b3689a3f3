"""Cases from the specifications of an Android source tree."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hal.device import Device
from hal.errors import BadDataError
from tools.conformance.aosp.evaluation import evaluated
from tools.conformance.aosp.examples import Example, Feed
from tools.conformance.aosp.language import Kind, LanguageError, Model, Operand, SubgraphReference
from tools.conformance.aosp.variations import (
    AllInputsAsInternalCoverter,
    AllTensorsAsInputsConverter,
    SkipVariation,
    Unchanged,
    Variation,
)
from tools.conformance.case import Case
from tools.conformance.modes import Mode
from tools.conformance.running import planned
from tools.conformance.trial import Outcome, Trial, Verdict
from tools.conformance.vectors import recorded_case

_SUFFIX = ".mod.py"
_FOLDERS = (
    "packages/modules/NeuralNetworks/runtime/test/specs",
    "frameworks/ml/nn/runtime/test/specs",
    "runtime/test/specs",
)
"""Where specifications are in a tree: in the newest Android, in older ones, and in the project by itself."""

_LIFETIMES = {
    Kind.INPUT: "SUBGRAPH_INPUT",
    Kind.OUTPUT: "SUBGRAPH_OUTPUT",
    Kind.INTERNAL: "TEMPORARY_VARIABLE",
    Kind.PARAMETER: "CONSTANT_COPY",
    Kind.SUBGRAPH: "SUBGRAPH",
}


@dataclass(frozen=True)
class UnreadableTrial(Trial):
    """A specification that nnhal can't read, which is no pass: what it asks for is not known."""

    name: str
    reason: str
    source = "aosp"
    mode = "read"
    subject = None

    def run(self, device: Device) -> Outcome:
        """Fail."""
        return Outcome(self, Verdict.FAILED, f"the specification can't be read: {self.reason}")


def aosp_trials(directory: Path, modes: Sequence[Mode]) -> Iterator[Trial]:
    """Every case of the specifications below ``directory``, in each mode that applies to it.

    Raises ``BadDataError`` where there is no specification.
    """
    folder = next((directory / each for each in _FOLDERS if (directory / each).is_dir()), directory)
    paths = sorted(folder.glob(f"**/*{_SUFFIX}"))
    if not paths:
        raise BadDataError(f"{directory} has no specifications: there is no {_SUFFIX} file in it")
    for path in paths:
        name = path.name.removesuffix(_SUFFIX)
        try:
            cases = read_specification(path.parent.name, name, path.read_text())
        except (LanguageError, OSError, UnicodeDecodeError) as error:
            yield UnreadableTrial(f"{path.parent.name}/{path.name}", str(error))
            continue
        yield from planned("aosp", cases, modes)


def read_specification(version: str, name: str, source: str) -> list[Case]:
    """The cases of the specification called ``name``; ``LanguageError`` where it is not understood."""
    names = _Names()
    try:
        return [
            recorded_case(version, record)
            for example in _combined(evaluated(source).examples)
            for record in _records(name, example, names)
        ]
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        raise LanguageError(f"{type(error).__name__}: {error}") from error


class _Names:
    """Names for cases: what is there already gets a number."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def unique(self, *parts: str | None) -> str:
        """The parts that there are, joined, and a number from 2 on where that is taken."""
        name = "_".join(part for part in parts if part)
        self._counts[name] += 1
        return name if self._counts[name] == 1 else f"{name}_{self._counts[name]}"


def _combined(examples: Sequence[Example]) -> list[Example]:
    """Examples without variations of the same model and name as one, where the first of them is."""
    combined: dict[object, Example] = {}
    for example in examples:
        key = id(example) if example.variations else (id(example.model), example.name)
        if key in combined:
            combined[key].feeds += example.feeds
        else:
            combined[key] = example
    return list(combined.values())


def _records(name: str, example: Example, names: _Names) -> Iterator[dict[str, Any]]:
    """Each of an example's feeds in every combination of its variations, as recorded vectors have it."""
    variations = list(example.variations)
    if example.varies_lifetimes and len(example.model.operations) == 1 and not example.multinomial_tolerance:
        variations += [[Unchanged(), AllTensorsAsInputsConverter()], [Unchanged(), AllInputsAsInternalCoverter()]]
    for feed in example.feeds:
        _feed(example.model, feed)
        for chosen in itertools.product(*variations):
            model = copy.deepcopy(example.model)
            try:
                for variation in chosen:
                    variation.apply(model)
            except SkipVariation:
                continue
            called = names.unique(name, example.model.name, example.name, *map(_called, chosen))
            referenced = _referenced(model, [])
            yield {
                "name": called,
                "relaxed": model.is_relaxed,
                "expect_failure": example.must_fail,
                "multinomial_tolerance": example.multinomial_tolerance,
                "main": _subgraph(model, referenced),
                "referenced": [_subgraph(each, referenced) for each in referenced],
            }


def _called(variation: Variation) -> str:
    return variation.default_name if variation.name is None else variation.name


def _feed(model: Model, feed: Feed) -> None:
    inputs, outputs = feed
    for operand in model.of_kind(Kind.INPUT):
        operand.SetValue(inputs[operand])
    for operand in model.of_kind(Kind.OUTPUT):
        operand.SetValue(_expected(operand, outputs[operand]))


def _expected(operand: Operand, value: Any) -> Any:
    """The output's values. Where none are compared or there are none, what stands in their place says nothing."""
    return [0] * operand.type.size if operand.is_ignored or operand.type.size == 0 else value


def _referenced(model: Model, found: list[Model]) -> list[Model]:
    """``found``, and the models that ``model`` refers to, each before those that it refers to itself."""
    for operand in model.operands:
        if isinstance(operand, SubgraphReference) and all(operand.model is not each for each in found):
            found.append(operand.model)
            _referenced(operand.model, found)
    return found


def _subgraph(model: Model, referenced: Sequence[Model]) -> dict[str, Any]:
    """The model as a record; models that it refers to have their number in ``referenced``."""
    model.sort()
    numbers = {operand.key: number for number, operand in enumerate(model.operands)}
    return {
        "operands": [_operand(operand, referenced) for operand in model.operands],
        "operations": [
            {
                "type": operation.name,
                "inputs": [numbers[operand.key] for operand in operation.inputs],
                "outputs": [numbers[operand.key] for operand in operation.outputs],
            }
            for operation in model.operations
        ],
        "inputs": [numbers[operand.key] for operand in model.of_kind(Kind.INPUT)],
        "outputs": [numbers[operand.key] for operand in model.of_kind(Kind.OUTPUT)],
    }


def _operand(operand: Operand, referenced: Sequence[Model]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "type": operand.type.type,
        "dimensions": operand.type.dimensions,
        "scale": operand.type.scale,
        "zero_point": operand.type.zeroPoint,
        "lifetime": _LIFETIMES[operand.kind],
        "data": operand.value or [],
        "ignored": operand.is_ignored,
    }
    quantization = operand.type.extraParams
    if quantization is not None and not quantization.hide:
        record["channel_quant"] = {"scales": quantization.scales, "channel_dim": quantization.channelDim}
    if isinstance(operand, SubgraphReference):
        record["data"] = [number for number, model in enumerate(referenced) if model is operand.model]
    return record
