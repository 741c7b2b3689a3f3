"""An executable: a model in the form that the engine runs.

A subgraph runs in *stages*. A stage is either a program, for as many operations in a row as can be
lowered before anything runs, or one operation on the host: by its reference, or as a subgraph of
its own. A model all of whose operations have kernels and whose dimensions are known is one program
that reads and writes the request's own memory. What a stage needs to know (the dimensions of what it
reads) is known when it is reached; stages are kept for the next execution with the same dimensions.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.engine.bands import banded
from drivers.engine.fusion import fused
from drivers.engine.lowering import Builder, Weights, is_native
from drivers.engine.numerics import EXACT, Numerics
from drivers.engine.program import Compiling, Program
from drivers.engine.threads import Threads
from drivers.engine.tuning import Tuner
from hal.device import Argument
from hal.errors import BadDataError, MissedDeadlineTransientError, OpFailedError
from hal.model import Dimensions, Model, Operation, Subgraph, is_fully_specified, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, UnknownValueError
from hal.reference import check_shape, evaluate_operation
from hal.types import OperandType, OperationType
from hal.validation import validate_input

Array = NDArray[Any]
Values = dict[int, Array]
Place = Callable[[int, Dimensions, "np.dtype[Any]"], Array]
"""Where an output of the given position, dimensions and type is to be written."""

Observer = Callable[[Subgraph, int, Mapping[int, Dimensions], Mapping[int, Array]], None]
"""Told of each operation that has run: its subgraph and position, dimensions there, and values that are known."""

StageKey = tuple[int, tuple[tuple[int, Dimensions], ...]]
"""What a stage is kept by: its first operation, and the dimensions of all that is there before it."""

STAGES_KEPT = 64
"""Stages of one subgraph that are kept; each set of dimensions has its own."""


@dataclass(frozen=True, slots=True)
class NativeStage:
    """A program for operations up to ``after`` - 1; it reads and writes these operands.

    ``shapes``: the dimensions of all that it knows.
    """

    program: Program
    reads: tuple[int, ...]
    writes: Mapping[int, Dimensions]
    shapes: Mapping[int, Dimensions]
    after: int


@dataclass(slots=True)
class Limits:
    """Of one execution.

    ``deadline``: when it must have ended, by ``time.monotonic``. ``loop``: seconds that a WHILE may run;
    what it takes to lower operations that are met for the first time does not count, and is kept in
    ``lowering``. ``observer``: who wants to know what runs.
    """

    deadline: float | None
    loop: float
    lowering: float = 0.0
    observer: Observer | None = None

    def loop_time(self) -> float:
        """The clock for loops, in seconds; it stands still while operations are lowered."""
        return time.monotonic() - self.lowering


class Executable:
    """A subgraph of ``model`` (the main one, or the referenced one of that number) and those within it.

    What runs on the host is exact, whatever ``numerics`` programs have.
    """

    def __init__(self, model: Model, threads: Threads, numerics: Numerics = EXACT, number: int | None = None) -> None:
        self._model = model
        self._threads = threads
        self._numerics = numerics
        self._subgraph = model.main if number is None else model.referenced[number]
        self._weights = Weights()
        self._stages: OrderedDict[StageKey, NativeStage] = OrderedDict()
        self._lock = threading.Lock()
        self._last_use = _last_uses(self._subgraph)
        self._positions = {index: position for position, index in enumerate(self._subgraph.outputs)}
        self._constants = {
            index: operand.value for index, operand in enumerate(self._subgraph.operands) if operand.value is not None
        }
        self._inner: dict[int, Executable] = {}
        self._is_restored_complete = False

    @property
    def is_one_program(self) -> bool:
        """Whether the programs that are there are one, which has all operations."""
        spans = [(first, stage.after) for (first, _), stage in self.stages.items()]
        return spans == [(0, len(self._subgraph.operations))]

    @property
    def is_complete(self) -> bool:
        """Whether one program is there and all that any valid request for the model's main subgraph can need."""
        inputs = [self._subgraph.operands[index] for index in self._subgraph.inputs]
        return (
            self._subgraph is self._model.main
            and self.is_one_program
            and all(not is_tensor(operand) or is_fully_specified(operand.dimensions) for operand in inputs)
            and not any(map(self._may_be_left_out, range(len(inputs))))
        )

    def _may_be_left_out(self, position: int) -> bool:
        try:
            validate_input(self._model, position, Argument(None))
        except BadDataError:
            return False
        return True

    @property
    def stages(self) -> dict[StageKey, NativeStage]:
        """The programs that are there."""
        with self._lock:
            return dict(self._stages)

    @property
    def inner(self) -> dict[int, Executable]:
        """The executables of referenced subgraphs that are there, by the subgraph's number."""
        with self._lock:
            return dict(self._inner)

    def restore(self, stages: Mapping[StageKey, NativeStage], *, complete: bool) -> None:
        """Have these programs, as ``stages`` of an executable of the same model gave them.

        ``complete``: it was, and the model has lost its weights since: there can't be other programs.
        """
        with self._lock:
            self._stages.update(stages)
            self._is_restored_complete = complete

    def referenced(self, number: int) -> Executable:
        """The executable of the referenced subgraph of this number, made on first use."""
        with self._lock:
            if number not in self._inner:
                self._inner[number] = Executable(self._model, self._threads, self._numerics, number)
            return self._inner[number]

    def prepare(self, shapes: Sequence[Dimensions], compiling: Compiling) -> None:
        """Make the stages that inputs of these dimensions will need, as far as that can be told."""
        known = dict(zip(self._subgraph.inputs, shapes))
        position = 0
        while position < len(self._subgraph.operations):
            operation = self._subgraph.operations[position]
            try:
                stage = self._stage(position, known, compiling)
                if stage is not None:
                    known.update(stage.writes)
                    position = stage.after
                    continue
                dimensions = self._inferred(operation, known)
            except UnknownValueError:
                self._prepare_referenced(operation, known, compiling)
                dimensions = tuple(self._subgraph.operands[index].dimensions for index in operation.outputs)
                if not all(is_fully_specified(each) for each in dimensions):
                    return
            known.update(zip(operation.outputs, dimensions))
            position += 1

    def _prepare_referenced(self, operation: Operation, known: Mapping[int, Dimensions], compiling: Compiling) -> None:
        """Make the stages of the subgraphs that an IF or WHILE will execute, as far as can be told."""
        operands = self._subgraph.operands
        models = [index for index in operation.inputs if operands[index].subgraph is not None]
        given = [index for index in operation.inputs if index not in models]
        if operation.type == OperationType.IF:
            given = given[1:]
        shapes = [known.get(index, operands[index].dimensions) for index in given]
        if all(is_fully_specified(shape) or not is_tensor(operands[index]) for index, shape in zip(given, shapes)):
            for index in models:
                self._referenced(index).prepare(shapes, compiling)

    def run(self, inputs: Sequence[Array | None], place: Place, limits: Limits) -> list[Array]:
        """The outputs for ``inputs``, each where ``place`` says.

        Raises ``BadDataError`` when the inputs do not fit the model, and
        ``MissedDeadlineTransientError`` past the limits.
        """
        subgraph = self._subgraph
        positions = self._positions
        values: Values = dict(self._constants)
        values.update((index, value) for index, value in zip(subgraph.inputs, inputs) if value is not None)

        def room(index: int, dimensions: Dimensions) -> Array:
            dtype = OperandType(subgraph.operands[index].type).dtype
            return place(positions[index], dimensions, dtype) if index in positions else np.empty(dimensions, dtype)

        position = 0
        while position < len(subgraph.operations):
            if limits.deadline is not None and time.monotonic() > limits.deadline:
                raise MissedDeadlineTransientError("the execution did not end in time")
            operation = subgraph.operations[position]
            shapes = {i: value.shape for i, value in values.items() if i not in self._constants}
            start = time.monotonic()
            stage = self._stage(position, shapes, lambda done, total: None)
            limits.lowering += time.monotonic() - start
            if stage is not None:
                outputs = {index: room(index, dimensions) for index, dimensions in stage.writes.items()}
                stage.program.run([values[index] for index in stage.reads] + list(outputs.values()), self._threads)
                values.update(outputs)
                if limits.observer is not None:
                    for each in range(position, stage.after):
                        limits.observer(subgraph, each, stage.shapes, values)
                position = stage.after
                continue
            try:
                results = self._on_host(operation, values, limits)
                self._check(operation, [result.shape for result in results])
            except BadDataError as error:
                raise _in_operation(position, operation, error) from error
            for index, result in zip(operation.outputs, results):
                if index in positions:
                    values[index] = room(index, result.shape)
                    values[index][...] = result
                else:
                    values[index] = result
            if limits.observer is not None:
                limits.observer(subgraph, position, {i: value.shape for i, value in values.items()}, values)
            position += 1
        return [values[index] for index in subgraph.outputs]

    def only_program(
        self, inputs: Sequence[Array | None], outputs: Sequence[Array | None]
    ) -> tuple[Program, list[Array]] | None:
        """The program that is all there is to run for these inputs, and its arguments; None where there is more.

        ``outputs``: the bytes where they go, None for one that nobody wants. None also where these do not
        have room, or an output has no elements.
        """
        subgraph = self._subgraph
        values = {index: value for index, value in zip(subgraph.inputs, inputs) if value is not None}
        stage = self._stage(0, {index: value.shape for index, value in values.items()}, lambda done, total: None)
        if stage is None or stage.after < len(subgraph.operations):
            return None
        arguments = [values[index] for index in stage.reads]
        places = dict(zip(subgraph.outputs, outputs))
        for index, dimensions in stage.writes.items():
            place = places[index]
            size = math.prod(dimensions) * OperandType(subgraph.operands[index].type).dtype.itemsize
            if place is None or not 0 < size <= place.nbytes:
                return None
            arguments.append(place)
        return stage.program, arguments

    def _stage(self, first: int, shapes: Mapping[int, Dimensions], compiling: Compiling) -> NativeStage | None:
        """The program that starts at operation ``first``; None where that operation runs on the host."""
        key = (first, tuple(shapes.items()))
        with self._lock:
            if key in self._stages:
                self._stages.move_to_end(key)
                return self._stages[key]
            if self._is_restored_complete:
                raise OpFailedError("the prepared model has one program, which is for other dimensions")
            if not is_native(self._subgraph, self._subgraph.operations[first], shapes, self._numerics):
                return None
            stage = self._lowered(first, shapes, compiling)
            if stage is not None:
                self._stages[key] = stage
                if len(self._stages) > STAGES_KEPT:
                    self._stages.popitem(last=False)
            return stage

    def _lowered(
        self, first: int, shapes: Mapping[int, Dimensions], compiling: Compiling, after: int | None = None
    ) -> NativeStage | None:
        if after is None:
            after = self._native_run(first, shapes)
        if after == first:
            return None
        operations = self._subgraph.operations[first:after]
        read = {index for operation in operations for index in operation.inputs}
        reads = {index: dimensions for index, dimensions in shapes.items() if index in read}
        written = [index for operation in operations for index in operation.outputs]
        writes = [index for index in written if self._last_use.get(index, 0) >= after]
        tuner = Tuner()

        def built(weights: Weights) -> Builder:
            builder = Builder(self._subgraph, reads, writes, weights, self._numerics, tuner)
            for position, operation in enumerate(operations, start=first):
                try:
                    builder.lower(operation)
                except UnknownValueError as error:  # a parameter that does not show in the dimensions
                    raise _StopError(position) from error
            return builder

        weights = self._weights.copy()
        try:
            builder = built(weights)
        except _StopError as stop:
            return self._lowered(first, shapes, compiling, stop.position)
        if tuner.settle(compiling):
            weights = self._weights.copy()
            builder = built(weights)
        self._weights = weights
        program = Program(banded(fused(builder.commands)), len(reads), len(writes), compiling)
        writing = {index: builder.shapes[index] for index in writes}
        return NativeStage(program, tuple(reads), writing, dict(builder.shapes), after)

    def _native_run(self, first: int, shapes: Mapping[int, Dimensions]) -> int:
        """The operation after the last one of those from ``first`` on that can be lowered together."""
        known = dict(shapes)
        for position in range(first, len(self._subgraph.operations)):
            operation = self._subgraph.operations[position]
            if not is_native(self._subgraph, operation, known, self._numerics):
                return position
            try:
                following = self._inferred(operation, known)
            except UnknownValueError:
                return position
            except BadDataError as error:
                raise _in_operation(position, operation, error) from error
            known.update(zip(operation.outputs, following))
        return len(self._subgraph.operations)

    def _inferred(self, operation: Operation, shapes: Mapping[int, Dimensions]) -> tuple[Dimensions, ...]:
        """The dimensions of the operation's outputs in this execution."""
        dimensions = DECLARATIONS[operation.type].infer(self._bound(operation, shapes))
        self._check(operation, dimensions)
        return dimensions

    def _check(self, operation: Operation, outputs: Sequence[Dimensions]) -> None:
        """Refuse outputs of other dimensions than the model's with ``BadDataError``."""
        for index, dimensions in zip(operation.outputs, outputs):
            check_shape(index, self._subgraph.operands[index], dimensions)

    def _bound(self, operation: Operation, shapes: Mapping[int, Dimensions]) -> Arguments:
        """The operation's arguments with the dimensions of this execution."""
        operands = [self._subgraph.operands[index] for index in operation.inputs]
        resolved = [
            replace(operand, dimensions=shapes[index]) if index in shapes else operand
            for index, operand in zip(operation.inputs, operands)
        ]
        return DECLARATIONS[operation.type].bind(resolved, concrete=True)

    def _on_host(self, operation: Operation, values: Values, limits: Limits) -> list[Array]:
        given = [values.get(index) for index in operation.inputs]
        if operation.type == OperationType.IF:
            condition = given[0]
            if condition is None:
                raise BadDataError("its condition is left out")
            return self._referenced(operation.inputs[1 if condition.item() else 2]).run(given[3:], _anywhere, limits)
        if operation.type == OperationType.WHILE:
            return self._while(operation, given[2:], limits)
        return [np.asarray(result, order="C") for result in evaluate_operation(self._subgraph, operation, given)]

    def _while(self, operation: Operation, state: list[Array | None], limits: Limits) -> list[Array]:
        condition, body = (self._referenced(index) for index in operation.inputs[:2])
        loop_end = limits.loop_time() + limits.loop
        while condition.run(state, _anywhere, limits)[0].item():
            if limits.loop_time() > loop_end:
                raise MissedDeadlineTransientError(f"a loop did not end within {limits.loop} s")
            following = body.run(state, _anywhere, limits)
            state[: len(following)] = following
        results = [value for value in state[: len(operation.outputs)] if value is not None]
        if len(results) < len(operation.outputs):
            raise BadDataError("an output of it is an input that was left out")
        return results

    def _referenced(self, operand: int) -> Executable:
        number = self._subgraph.operands[operand].subgraph
        assert number is not None
        return self.referenced(number)


class _StopError(Exception):
    """The operation at ``position`` can't be lowered before the ones in front of it have run."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


def _anywhere(position: int, dimensions: Dimensions, dtype: np.dtype[Any]) -> Array:
    return np.empty(dimensions, dtype)


def _last_uses(subgraph: Subgraph) -> dict[int, int]:
    """The last operation that reads each operand; the operation after all of them for the subgraph's outputs."""
    uses = {index: position for position, operation in enumerate(subgraph.operations) for index in operation.inputs}
    return uses | dict.fromkeys(subgraph.outputs, len(subgraph.operations))


def _in_operation(position: int, operation: Operation, error: BadDataError) -> BadDataError:
    return BadDataError(f"operation {position} ({OperationType(operation.type).name}): {error}", operation=position)
