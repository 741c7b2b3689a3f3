"""Carrying a request's bytes to a driver and back through shared memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hal.device import Argument, Bytes, Cost, ExecutionResult, PreparedModel, Request
from hal.errors import OpFailedError, OutputInsufficientSizeError
from hal.memory import Region, aligned
from hal.model import Dimensions, Location, Model
from hal.operand_rules import described
from hal.types import OperandType
from runtime import process


@dataclass(frozen=True, slots=True)
class _Place:
    data: Bytes
    location: Location


class _Stage:
    """Shared memory for one execution at a time."""

    def __init__(self) -> None:
        self._region: Region | None = None
        self._sizes: tuple[int, ...] = ()
        self._places: list[_Place] = []

    def places(self, sizes: tuple[int, ...]) -> list[_Place]:
        """Room for ``sizes`` bytes each; the same as last time for the same sizes."""
        if sizes != self._sizes:
            offsets, total = [], 0
            for size in sizes:
                offsets.append(total)
                total += aligned(size)
            if self._region is None or self._region.data.size < total:
                self._region = Region.create(process.folder(), total)
            name = self._region.name
            self._places = [
                _Place(self._region.slice(offset, size), Location(name, offset, size))
                for offset, size in zip(offsets, sizes)
            ]
            self._sizes = sizes
        return self._places


class StagedModel(PreparedModel):
    """A prepared model that takes arguments from anywhere in this process.

    Those without a location are copied through shared memory, which is kept for the next execution.
    What the device answers is checked before anybody relies on it.
    """

    def __init__(self, model: Model, prepared: PreparedModel) -> None:
        self._outputs = [model.main.operands[index] for index in model.main.outputs]
        self._prepared = prepared
        self._idle: list[_Stage] = []

    @property
    def cost(self) -> Cost | None:
        """See ``PreparedModel``."""
        return self._prepared.cost

    def execute(self, request: Request) -> ExecutionResult:
        """See ``PreparedModel``; also ``OpFailedError`` where the device answers nonsense."""
        try:
            stage = self._idle.pop()
        except IndexError:
            stage = _Stage()
        try:
            result = self._execute(stage, request)
        except OutputInsufficientSizeError as error:
            self._idle.append(stage)
            self._check_count(error.dimensions)
            raise
        # After any other error the driver may still be writing, so that stage is not used again.
        self._idle.append(stage)
        return result

    def close(self) -> None:
        """See ``PreparedModel``."""
        self._idle.clear()
        self._prepared.close()

    def _execute(self, stage: _Stage, request: Request) -> ExecutionResult:
        places = iter(stage.places(tuple(_staged_sizes(request.inputs) + _staged_sizes(request.outputs))))
        inputs, outputs = [], []
        for argument in request.inputs:
            if argument.data is not None and argument.location is None:
                place = next(places)
                place.data[:] = argument.data
                argument = Argument(place.data, place.location, argument.dimensions)
            inputs.append(argument)
        for argument in request.outputs:
            if argument.data is not None and argument.location is None:
                place = next(places)
                argument = Argument(place.data, place.location, argument.dimensions)
            outputs.append(argument)
        result = self._prepared.execute(replace(request, inputs=inputs, outputs=outputs))
        self._check_count(result.output_dimensions)
        for index, (wanted, staged, dimensions) in enumerate(zip(request.outputs, outputs, result.output_dimensions)):
            size = self._checked_size(index, wanted, dimensions)
            if wanted.data is not None and staged.data is not None and wanted.location is None:
                wanted.data[:size] = staged.data[:size]
        return result

    def _check_count(self, dimensions: Sequence[Dimensions]) -> None:
        if len(dimensions) != len(self._outputs):
            raise OpFailedError(
                f"the device returned dimensions of {len(dimensions)} outputs; the model has {len(self._outputs)}"
            )

    def _checked_size(self, index: int, argument: Argument, dimensions: Dimensions) -> int:
        """Bytes of output ``index``, once it is certain that they are what was asked for and fit."""
        operand = self._outputs[index]
        if argument.data is None:
            return 0
        if not isinstance(operand.type, OperandType):
            return argument.data.size
        size = math.prod(dimensions) * operand.type.dtype.itemsize
        agree = all(_agree(known, dimensions) for known in (operand.dimensions, argument.dimensions))
        if not agree or operand.type.is_tensor != bool(dimensions) or not 0 <= size <= argument.data.size:
            raise OpFailedError(
                f"the device returned {list(dimensions)} as dimensions of output {index}, which is "
                f"{described(operand.type, operand.dimensions)} in {argument.data.size} bytes"
            )
        return size


def _staged_sizes(arguments: Sequence[Argument]) -> list[int]:
    return [argument.data.size for argument in arguments if argument.data is not None and argument.location is None]


def _agree(known: Dimensions, actual: Dimensions) -> bool:
    """Whether ``actual``, where a 0 is no elements, may be what ``known``, where it is unknown, has become."""
    return not known or (len(known) == len(actual) and all(a in (b, 0) for a, b in zip(known, actual)))
