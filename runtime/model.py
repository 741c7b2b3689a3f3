"""Building a model: operands, operations over them, inputs and outputs."""

from __future__ import annotations

import heapq
import logging
import operator
import os
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from typing import TypeVar

import numpy as np

from hal import model as hal_model
from hal.errors import BadDataError, BadStateError, UnexpectedNullError
from hal.metadata import Metadata
from hal.model import Lifetime, Operand, Operation, PerChannelQuantization, Subgraph, is_extension
from hal.model_file import ModelFile, save_model
from hal.operand_rules import described, per_channel_fault, type_fault, value_size
from hal.operations.control_flow import CONTROL_FLOW
from hal.types import OEM_OPERATION, OEM_SCALAR, TENSOR_OEM_BYTE, OperandType, OperationType
from hal.validation import validate_model, validate_operation
from runtime import extensions
from runtime.memory import Memory
from runtime.values import Array, Value, as_array, as_integers, as_raw

MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES = 128
"""Constants up to so many bytes are copied when they are set; larger ones are referred to."""

_log = logging.getLogger(__name__)
_Code = TypeVar("_Code", bound=IntEnum)
_WRITTEN_BY_OPERATIONS = frozenset({Lifetime.TEMPORARY_VARIABLE, Lifetime.SUBGRAPH_OUTPUT})


class Model:
    """A model under construction and, after ``finish``, one that can be compiled.

    Operands have the indexes 0, 1, 2... in the order they are added. Every method raises
    ``BadDataError`` for what NNAPI's rules forbid, ``UnexpectedNullError`` for None where something
    must be given, and ``BadStateError`` when the model is finished or finishing it has failed.

    ``lenient``: let pass what Android's models let pass, for programs that count on it: dimensions that
    contradict each other, and values and most scales that no operation takes. Such a model can be
    compiled; its executions fail with ``OpFailedError``.
    ``metadata``: what a file says of the model beside it (not NNAPI's); it may be changed at any time.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self._lenient = lenient
        self._operands: list[Operand] = []
        self._operations: list[Operation] = []
        self._inputs: tuple[int, ...] = ()
        self._outputs: tuple[int, ...] = ()
        self._referenced: dict[int, Model] = {}
        self._relaxed = False
        self._invalid = False
        self._fault: BadDataError | None = None
        self._canonical: hal_model.Model | None = None
        self._execution_order: tuple[int, ...] = ()
        self._file: ModelFile | None = None
        self.metadata = Metadata()

    @classmethod
    def from_canonical(
        cls, canonical: hal_model.Model, metadata: Metadata | None = None, file: ModelFile | None = None
    ) -> Model:
        """A finished model made of a canonical one, as tools make them that change models (not NNAPI's).

        ``file``: what its constants are part of, if they are. Raises ``BadDataError`` for a model that
        breaks NNAPI's rules.
        """
        validate_model(canonical)
        canonical = extensions.renumbered(canonical)
        models = [cls() for _ in (canonical.main, *canonical.referenced)]
        for model, subgraph in zip(models, (canonical.main, *canonical.referenced)):
            model._operands = list(subgraph.operands)
            model._operations = list(subgraph.operations)
            model._inputs, model._outputs = subgraph.inputs, subgraph.outputs
            model._referenced = {
                index: models[1 + operand.subgraph]
                for index, operand in enumerate(subgraph.operands)
                if operand.subgraph is not None
            }
        model = models[0]
        model._relaxed, model._canonical, model._file = canonical.relaxed, canonical, file
        model._execution_order = tuple(range(len(model._operations)))
        model.metadata = metadata or Metadata()
        return model

    @property
    def canonical(self) -> hal_model.Model:
        """The finished model."""
        if self._canonical is None:
            raise BadStateError("the model is not finished, or finishing it has failed")
        return self._canonical

    @property
    def fault(self) -> BadDataError | None:
        """Why no execution of the finished model can succeed, if it is lenient and none can (not NNAPI's)."""
        return self._fault

    @property
    def execution_order(self) -> tuple[int, ...]:
        """For each operation of the finished model, the how many-eth it was to be added (not NNAPI's)."""
        return self._execution_order

    @property
    def file(self) -> ModelFile | None:
        """The .nnhal file that the model was loaded from, if it was (not NNAPI's)."""
        return self._file

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the finished model and its metadata into a .nnhal file (not NNAPI's).

        A file that is there is replaced when the new one is complete, in one step. Raises
        ``BadStateError`` for a model that is not finished, ``BadDataError`` for a place where no file can
        be and for damaged constants, and ``OpFailedError`` when writing fails.
        """
        canonical = self.canonical
        self.verify()
        save_model(path, canonical, self.metadata)

    def verify(self) -> None:
        """Prove that the constants of a loaded model are those that were saved (not NNAPI's).

        Loading does not read them. Compiling and saving do this first; whoever else reads the constants
        should. What has been read once is read again only if the file has changed. Raises ``BadDataError``,
        naming the operand, where the file is damaged or has been cut short.
        """
        models = [self]
        for model in models:  # grows meanwhile
            if model._file is not None:
                model._file.verify()
            for inner in model._referenced.values():
                if inner not in models:
                    models.append(inner)

    def get_extension_operand_type(self, name: str, code: int) -> int:
        """The type, for ``add_operand``, of operand type ``code`` (16 bits) of vendor extension ``name``.

        ``BadDataError`` also where no device knows the extension.
        """
        self._require_unfinished()
        return extensions.extension_code(name, code)

    def get_extension_operation_type(self, name: str, code: int) -> int:
        """The same for operation type ``code`` of the extension, for ``add_operation``."""
        self._require_unfinished()
        return extensions.extension_code(name, code)

    def add_operand(
        self,
        type: OperandType | int,
        dimensions: Sequence[int] = (),
        scale: float = 0.0,
        zero_point: int = 0,
    ) -> int:
        """Add an operand and return its index.

        A 0 in ``dimensions`` is an unknown dimension; () is, for a tensor, unknown rank. ``type`` may
        be one that ``get_extension_operand_type`` gave; it has no scale and zero point.
        """
        self._require_unfinished()
        index = len(self._operands)
        if type is None or dimensions is None:
            raise UnexpectedNullError(f"operand {index} must have a type and dimensions")
        try:
            operand = Operand(
                _known_type(OperandType, type, OEM_SCALAR, TENSOR_OEM_BYTE),
                as_integers(dimensions, f"the dimensions of operand {index}"),
                _float32(scale),
                operator.index(zero_point),
            )
        except (ValueError, TypeError) as error:
            raise BadDataError(f"operand {index} can't have such a type: {error}") from error
        fault = type_fault(operand.type, operand.dimensions, operand.scale, operand.zero_point)
        if fault is not None:
            raise BadDataError(f"operand {index} ({described(operand.type)}) {fault}", operand=index)
        self._operands.append(operand)
        return index

    def set_operand_value(self, index: int, value: Value | None) -> None:
        """Make an operand a constant; with None, say that this optional input of operations is left out.

        ``value``: an array of the operand's dtype and dimensions, its bytes, or for a scalar a number; for
        an extension's type, bytes or any C-contiguous array, as many bytes as the extension wants. Up to
        128 bytes are copied; a larger array is referred to (and copied only if its elements are not
        contiguous): do not change it any more.
        """
        operand = self._operand(index)
        what = f"operand {index}"
        if operand.type is OperandType.MODEL:
            raise BadDataError(f"{what} is a MODEL; set_operand_value_from_model sets it", operand=index)
        if value is None:
            self._operands[index] = replace(operand, lifetime=Lifetime.NO_VALUE, value=None, location=None)
            return
        if not isinstance(operand.type, OperandType):
            self._set_constant(index, Lifetime.CONSTANT_COPY, _kept(as_raw(value, what)), None)
            return
        size = self._constant_size(index, operand)
        array = as_array(value, operand.type, what)
        if array.nbytes != size:
            raise BadDataError(
                f"{what} gets {array.nbytes} bytes; {described(operand.type, operand.dimensions)} needs {size}",
                operand=index,
            )
        if isinstance(value, (bytes, bytearray, memoryview)):
            array = array.reshape(operand.dimensions)
            if array.dtype == np.bool_:
                array = np.asarray(array.view(np.uint8) != 0)  # for NNAPI, any byte but 0 is true
        if array.shape != operand.dimensions:
            raise BadDataError(
                f"{what} gets an array of shape {list(array.shape)}; it must be {list(operand.dimensions)}",
                operand=index,
            )
        self._set_constant(index, Lifetime.CONSTANT_COPY, _kept(array), None)

    def set_operand_value_from_memory(self, index: int, memory: Memory, offset: int, length: int) -> None:
        """Make an operand the constant that ``length`` bytes from ``offset`` of ``memory`` are."""
        operand = self._operand(index)
        if memory is None:
            raise UnexpectedNullError(f"operand {index} must get its value from a memory")
        data, location = memory.part(offset, length)
        array: Array = data
        if isinstance(operand.type, OperandType):
            size = self._constant_size(index, operand)
            if length != size:
                raise BadDataError(
                    f"operand {index} gets {length} bytes; {described(operand.type, operand.dimensions)} needs {size}",
                    operand=index,
                )
            array = data.view(operand.type.dtype).reshape(operand.dimensions)
        self._set_constant(index, Lifetime.CONSTANT_REFERENCE, array, location)

    def set_operand_value_from_model(self, index: int, model: Model) -> None:
        """Make an operand of type MODEL stand for a finished model, for IF and WHILE."""
        self._require_unfinished()
        if model is None:
            raise UnexpectedNullError(f"operand {index} must get a model")
        if model._canonical is None:
            raise BadStateError(f"the model for operand {index} is not finished, or finishing it has failed")
        operand = self._operand(index)
        if operand.type is not OperandType.MODEL:
            raise BadDataError(f"operand {index} is {described(operand.type)}; it must be MODEL", operand=index)
        self._operands[index] = replace(operand, lifetime=Lifetime.SUBGRAPH)
        self._referenced[index] = model

    def set_operand_symm_per_channel_quant_params(self, index: int, channel_dim: int, scales: Sequence[float]) -> None:
        """Give an operand of type TENSOR_QUANT8_SYMM_PER_CHANNEL a scale for each index of ``channel_dim``."""
        operand = self._operand(index)
        if channel_dim is None or scales is None:
            raise UnexpectedNullError(f"operand {index} must get a channel dimension and scales")
        try:
            per_channel = PerChannelQuantization(
                operator.index(channel_dim), tuple(_float32(scale) for scale in scales)
            )
        except (ValueError, TypeError) as error:
            raise BadDataError(f"operand {index} can't have such scales: {error}", operand=index) from error
        fault = per_channel_fault(operand.type, operand.dimensions, per_channel)
        if fault is not None:
            raise BadDataError(f"operand {index} ({described(operand.type)}) {fault}", operand=index)
        self._operands[index] = replace(operand, per_channel=per_channel)

    def set_operand_extension_data(self, index: int, data: bytes | None) -> None:
        """Give an operand of an extension's type the parameters that the extension wants; None for none."""
        operand = self._operand(index)
        if not is_extension(operand.type):
            raise BadDataError(
                f"operand {index} is {described(operand.type)}; only an extension's type has an extension's data",
                operand=index,
            )
        if not isinstance(data, (bytes, bytearray, memoryview, type(None))):
            raise BadDataError(f"operand {index} gets its extension's data as {type(data).__name__}; it must be bytes")
        self._operands[index] = replace(operand, extension_data=bytes(data or b""))

    def add_operation(self, type: OperationType | int, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Add an operation that reads the operands ``inputs`` and writes ``outputs``. The order does not matter.

        ``type`` may be one that ``get_extension_operation_type`` gave.
        """
        self._require_unfinished()
        number = len(self._operations)
        if type is None or inputs is None or outputs is None:
            raise UnexpectedNullError(f"operation {number} must have a type, inputs and outputs")
        try:
            known_type = _known_type(OperationType, type, OEM_OPERATION)
        except ValueError:
            raise BadDataError(f"operation {number}: NNAPI does not have type {type!r}", operation=number) from None
        operation = Operation(
            known_type,
            as_integers(inputs, f"the inputs of operation {number}"),
            as_integers(outputs, f"the outputs of operation {number}"),
        )
        if known_type in CONTROL_FLOW:
            main, *referenced = self._subgraphs()
            validate_operation(number, operation, main.operands, referenced, lenient=self._lenient)
        else:
            validate_operation(number, operation, self._operands, lenient=self._lenient)
        self._operations.append(operation)

    def identify_inputs_and_outputs(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Say which operands each request gives, and which it gets."""
        self._require_unfinished()
        if inputs is None or outputs is None:
            raise UnexpectedNullError("the model must have inputs and outputs")
        lists = as_integers(inputs, "the model's inputs"), as_integers(outputs, "the model's outputs")
        operands = list(self._operands)
        for kind, indexes, lifetime in zip(
            ("input", "output"), lists, (Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT)
        ):
            for index in indexes:
                self._operand(index)
                if operands[index].lifetime is not Lifetime.TEMPORARY_VARIABLE:
                    raise BadDataError(
                        f"operand {index} can't be an {kind}; it is a constant, left out, or one of them already",
                        operand=index,
                    )
                operands[index] = replace(operands[index], lifetime=lifetime)
        self._operands = operands
        self._inputs, self._outputs = lists

    def relax_computation_float32_to_float16(self, allow: bool = True) -> None:
        """Allow float32 to be computed with the range and precision of float16."""
        self._require_unfinished()
        self._relaxed = bool(allow)

    def finish(self) -> None:
        """Check the model as a whole and freeze it.

        Operations are put into an order in which each operand is written before it is read; errors
        number them in that order.
        """
        self._require_unfinished()
        self._invalid = True  # unless what follows succeeds
        self._execution_order = _execution_order(self._operations, self._operands)
        self._operations = [self._operations[number] for number in self._execution_order]
        main, *referenced = self._subgraphs()
        subgraphs = (main, *referenced)
        codes = [int(operand.type) for subgraph in subgraphs for operand in subgraph.operands]
        codes += [operation.type for subgraph in subgraphs for operation in subgraph.operations]
        model = hal_model.Model(main, tuple(referenced), self._relaxed, extensions.extensions_of(codes))
        try:
            validate_model(model)
        except BadDataError as error:
            if not self._lenient:
                raise
            validate_model(model, lenient=True)
            self._fault = error
            _log.warning("no execution of the model can succeed: %s", str(error))
        self._canonical, self._invalid = model, False

    def _subgraphs(self) -> list[Subgraph]:
        """The model's own subgraph and those that it refers to, each once, numbered in the order they are met."""
        models = [self]
        numbers: dict[int, int] = {}
        subgraphs = []
        for model in models:  # grows meanwhile
            operands = list(model._operands)
            for index, inner in model._referenced.items():
                if id(inner) not in numbers:
                    numbers[id(inner)] = len(models) - 1
                    models.append(inner)
                operands[index] = replace(operands[index], subgraph=numbers[id(inner)])
            subgraphs.append(Subgraph(tuple(operands), tuple(model._operations), model._inputs, model._outputs))
        return subgraphs

    def _require_unfinished(self) -> None:
        if self._canonical is not None:
            raise BadStateError("the model is finished; it can't be changed or finished again")
        if self._invalid:
            raise BadStateError("finishing the model has failed; it can't be used any more")

    def _operand(self, index: int) -> Operand:
        self._require_unfinished()
        if not isinstance(index, (int, np.integer)) or not 0 <= index < len(self._operands):
            raise BadDataError(f"there is no operand {index}; there are {len(self._operands)} operands")
        return self._operands[index]

    def _constant_size(self, index: int, operand: Operand) -> int:
        size = None if operand.type is OperandType.MODEL else value_size(operand, operand.dimensions)
        if size is None:
            raise BadDataError(
                f"operand {index} is {described(operand.type)} {list(operand.dimensions)}; "
                "for a constant, type and dimensions must be known",
                operand=index,
            )
        return size

    def _set_constant(self, index: int, lifetime: Lifetime, array: Array, location: hal_model.Location | None) -> None:
        constant = array.view()
        constant.flags.writeable = False
        self._operands[index] = replace(self._operands[index], lifetime=lifetime, value=constant, location=location)


def _known_type(known: type[_Code], code: int, *vendors: int) -> _Code | int:
    """A type of NNAPI's, or one of an extension's that this process has been given; ``ValueError`` for others.

    ``vendors``: NNAPI's types for what vendors defined before there were extensions.
    """
    if isinstance(code, (int, np.integer)) and (code in vendors or extensions.is_given(int(code))):
        return int(code)
    return known(code)


def _kept(value: Array) -> Array:
    """``value`` as a constant: itself, or a copy where it is small or not contiguous."""
    if value.nbytes <= MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES or not value.flags.c_contiguous:
        return value.copy(order="C")
    return value


def _float32(value: float) -> float:
    """``value`` as NNAPI stores it: rounded to 32 bits."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _execution_order(operations: Sequence[Operation], operands: Sequence[Operand]) -> tuple[int, ...]:
    """The operations' numbers, each after those that write what it reads, otherwise as they were added.

    Those that can't be, since what they read is never written or depends on themselves, come last.
    """
    writers = {index: number for number, operation in enumerate(operations) for index in operation.outputs}
    readers: list[list[int]] = [[] for _ in operations]
    missing = [0] * len(operations)
    for number, operation in enumerate(operations):
        for index in set(operation.inputs):
            if operands[index].lifetime in _WRITTEN_BY_OPERATIONS:
                missing[number] += 1
                if index in writers:
                    readers[writers[index]].append(number)
    ready = [number for number, count in enumerate(missing) if count == 0]
    order = []
    while ready:
        number = heapq.heappop(ready)
        order.append(number)
        for reader in readers[number]:
            missing[reader] -= 1
            if missing[reader] == 0:
                heapq.heappush(ready, reader)
    stuck = sorted(set(range(len(operations))) - set(order))
    return (*order, *stuck)
