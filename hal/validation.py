"""NNAPI's rules for whole models, and for requests to them.

A runtime checks a model when it is finished; a driver checks again whatever reaches it. All of it
is decided from types, dimensions and indexes, and from the values of scalars and shapes: a large
constant is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hal.control_flow_rules import check_control_flow
from hal.device import Argument, Request
from hal.errors import BadDataError, OutputInsufficientSizeError
from hal.model import (
    EXTENSION_BITS,
    Dimensions,
    Extension,
    Lifetime,
    Model,
    Operand,
    Operation,
    Subgraph,
    is_extension,
)
from hal.operand_rules import described, merge, per_channel_fault, type_fault, value_fault, value_size
from hal.operations import DECLARATIONS
from hal.operations.control_flow import CONTROL_FLOW
from hal.operations.declaration import Arguments, Declaration, UnknownValueError, tensor_spec
from hal.types import OperandType, OperationType

_OPERATION_TYPES = {operation_type.value: operation_type for operation_type in OperationType}
_EXTENSION_NAME = re.compile(r"[a-z0-9_.]*\.[a-z0-9_.]*")
_POSITION = re.compile(r"(input|output) (\d+)(?: \(('\w+')\))?")
_WRITTEN_BY_OPERATIONS = frozenset({Lifetime.TEMPORARY_VARIABLE, Lifetime.SUBGRAPH_OUTPUT})


def validate_model(model: Model, *, lenient: bool = False) -> None:
    """Refuse a model that breaks NNAPI's rules.

    ``lenient``: as Android does when a model is finished: operands' dimensions need not fit each other,
    and what ``validate_operation`` then leaves to executions is left to them.

    Raises ``BadDataError``. Its ``operand`` and ``operation`` are set where it is about one of the
    main subgraph; where the fault is in a referenced subgraph, only the sentence tells.
    """
    prefixes = _extension_prefixes(model.extensions)
    _SubgraphCheck(model.main, model.referenced, prefixes, lenient).run()
    for number, subgraph in enumerate(model.referenced):
        try:
            _SubgraphCheck(subgraph, model.referenced, prefixes, lenient).run()
        except BadDataError as error:
            raise BadDataError(f"referenced subgraph {number}: {error}") from error
    _refuse_circular_references(model.referenced)


def validate_operation(
    number: int,
    operation: Operation,
    operands: Sequence[Operand],
    referenced: Sequence[Subgraph] = (),
    *,
    lenient: bool = False,
) -> None:
    """Refuse operation ``number`` if NNAPI does not have it, or not over such ``operands``.

    Looks at the operation alone: indexes, counts, types, ranks, scalars' values where they are known,
    and the subgraphs of ``referenced`` that an IF or WHILE executes, once its operands name them.
    ``lenient``: as Android does when an operation is added, leaving scalars' values, most rules about
    scales, and outputs' ranks to executions.

    Raises ``BadDataError`` with ``operation`` set, and ``operand`` where it is about one.
    """
    try:
        declaration = _declaration(operation, operands)
        if declaration is not None:
            _bind(declaration, operation, operands, lenient=lenient)
            models = [operands[index] for index in operation.inputs if operands[index].type is OperandType.MODEL]
            if operation.type in CONTROL_FLOW and all(each.subgraph in range(len(referenced)) for each in models):
                check_control_flow(operation, operands, referenced)
    except BadDataError as error:
        raise _in_operation(error, number, operation) from error


def validate_request(model: Model, request: Request) -> None:
    """Refuse a request that does not fit ``model``, which must have been validated.

    Raises ``BadDataError``; ``OutputInsufficientSizeError`` where model and request together say how
    large an output is and the place for it is smaller.
    """
    main = model.main
    for kind, given, wanted in (("inputs", request.inputs, main.inputs), ("outputs", request.outputs, main.outputs)):
        if len(given) != len(wanted):
            raise BadDataError(f"the request has {len(given)} {kind}; the model has {len(wanted)}")
    for what, seconds in (("timeout", request.timeout), ("loop timeout", request.loop_timeout)):
        if seconds is not None and not seconds >= 0:
            raise BadDataError(f"the request's {what} is {seconds} seconds; it must be at least 0")
    for index, argument in enumerate(request.inputs):
        validate_input(model, index, argument)
    needed = tuple(validate_output(model, index, argument) for index, argument in enumerate(request.outputs))
    for index, (argument, dimensions) in enumerate(zip(request.outputs, needed)):
        operand = main.operands[main.outputs[index]]
        size = value_size(operand, dimensions)
        if argument.data is not None and size is not None and argument.data.size < size:
            raise OutputInsufficientSizeError(
                f"output {index} has {argument.data.size} bytes; {described(operand.type, dimensions)} needs {size}",
                operand=main.outputs[index],
                dimensions=needed,
            )


def validate_input(model: Model, index: int, argument: Argument) -> Dimensions:
    """Refuse an argument that does not fit input ``index`` of ``model`` with ``BadDataError``.

    Returns the input's dimensions in this request, all of them known (for an omitted input, those
    that the model knows).
    """
    operand_index = model.main.inputs[index]
    operand = model.main.operands[operand_index]
    dimensions = _argument_dimensions(operand, argument, f"input {index}", operand_index)
    if argument.data is None:
        _refuse_needed(model, operand_index, f"input {index}")
        return dimensions
    size = value_size(operand, dimensions)
    if 0 in argument.dimensions or (size is None and not is_extension(operand.type)):
        given = list(argument.dimensions or dimensions)
        raise BadDataError(
            f"input {index} has dimensions {given}; in a request, all of an input's must be known",
            operand=operand_index,
        )
    if size is not None and argument.data.size != size:
        raise BadDataError(
            f"input {index} has {argument.data.size} bytes; {described(operand.type, dimensions)} needs {size}",
            operand=operand_index,
        )
    return dimensions


def validate_output(model: Model, index: int, argument: Argument) -> Dimensions:
    """Refuse an argument that does not fit output ``index`` of ``model`` with ``BadDataError``.

    Returns the output's dimensions in this request as far as they are known. Whether there is room
    for them is ``validate_request``'s to say.
    """
    operand_index = model.main.outputs[index]
    operand = model.main.operands[operand_index]
    dimensions = _argument_dimensions(operand, argument, f"output {index}", operand_index)
    if argument.data is None:
        _refuse_needed(model, operand_index, f"output {index}")
    elif not argument.data.flags.writeable:
        raise BadDataError(f"output {index} is in memory that can't be written", operand=operand_index)
    return dimensions


def check_extension_name(name: object) -> None:
    """Refuse with ``BadDataError`` what can't be the name of a vendor extension."""
    if not isinstance(name, str) or not _EXTENSION_NAME.fullmatch(name):
        raise BadDataError(
            f"extension {name!r}: a name is made of small letters, digits, '_' and '.', with at least one '.'"
        )


def operation_name(operation_type: int) -> str:
    """An operation's type as people call it."""
    known = _OPERATION_TYPES.get(operation_type)
    return f"type {operation_type:#x}" if known is None else known.name


class _SubgraphCheck:
    """The check of one subgraph, whose ``operands`` learn the dimensions that follow from their operations."""

    def __init__(
        self, subgraph: Subgraph, referenced: Sequence[Subgraph], prefixes: frozenset[int], lenient: bool
    ) -> None:
        self.subgraph = subgraph
        self.referenced = referenced
        self.prefixes = prefixes
        self.lenient = lenient
        self.operands = list(subgraph.operands)
        self.written = [operand.lifetime not in _WRITTEN_BY_OPERATIONS for operand in subgraph.operands]

    def run(self) -> None:
        for index, operand in enumerate(self.operands):
            fault = self._operand_fault(operand)
            if fault is not None:
                raise BadDataError(f"operand {index} ({described(operand.type)}) {fault}", operand=index)
        self._check_list("input", self.subgraph.inputs, Lifetime.SUBGRAPH_INPUT)
        self._check_list("output", self.subgraph.outputs, Lifetime.SUBGRAPH_OUTPUT)
        if not self.subgraph.operations:
            raise BadDataError("there is no operation; there must be at least one")
        for number, operation in enumerate(self.subgraph.operations):
            try:
                self._check_operation(operation)
            except BadDataError as error:
                raise _in_operation(error, number, operation) from error
        for index, written in enumerate(self.written):
            if not written:
                raise BadDataError(f"operand {index} is never written by an operation", operand=index)

    def _operand_fault(self, operand: Operand) -> str | None:
        return (
            type_fault(operand.type, operand.dimensions, operand.scale, operand.zero_point)
            or self._extension_fault(operand.type)
            or per_channel_fault(operand.type, operand.dimensions, operand.per_channel)
            or self._subgraph_fault(operand)
            or value_fault(operand)
            or ("has an extension's data" if operand.extension_data and not is_extension(operand.type) else None)
        )

    def _extension_fault(self, code: int) -> str | None:
        prefix = code >> EXTENSION_BITS
        if prefix and prefix not in self.prefixes:
            return f"belongs to an extension with prefix {prefix}, which the model does not declare"
        return None

    def _subgraph_fault(self, operand: Operand) -> str | None:
        if (operand.type is OperandType.MODEL) != (operand.lifetime is Lifetime.SUBGRAPH):
            return f"has lifetime {operand.lifetime.name}; MODEL operands, and only they, have SUBGRAPH"
        if operand.lifetime is not Lifetime.SUBGRAPH:
            return None if operand.subgraph is None else "refers to a subgraph; only MODEL operands do"
        if operand.subgraph is None or not 0 <= operand.subgraph < len(self.referenced):
            return f"refers to subgraph {operand.subgraph}; the model has {len(self.referenced)}"
        return None

    def _check_list(self, kind: str, indexes: Sequence[int], lifetime: Lifetime) -> None:
        if not indexes:
            raise BadDataError(f"there is no {kind}; there must be at least one")
        _check_indexes(kind, indexes, self.operands)
        for position, index in enumerate(indexes):
            if self.operands[index].lifetime is not lifetime:
                raise BadDataError(
                    f"{kind} {position} is operand {index} of lifetime {self.operands[index].lifetime.name}; "
                    f"it must be {lifetime.name}",
                    operand=index,
                )
        listed = set(indexes)
        if len(listed) < len(indexes):
            raise BadDataError(f"operand {_first_repeated(indexes)} is twice among the {kind}s")
        for index, operand in enumerate(self.operands):
            if operand.lifetime is lifetime and index not in listed:
                raise BadDataError(
                    f"operand {index} has lifetime {lifetime.name} and is not among the {kind}s", operand=index
                )

    def _check_operation(self, operation: Operation) -> None:
        declaration = _declaration(operation, self.operands)
        fault = self._extension_fault(operation.type)
        if fault is not None:
            raise BadDataError(f"it {fault}")
        for position, index in enumerate(operation.inputs):
            if not self.written[index]:
                later = any(index in other.outputs for other in self.subgraph.operations)
                raise BadDataError(
                    f"input {position} (operand {index}) is "
                    f"{'read before it is written' if later else 'never written by an operation'}",
                    operand=index,
                )
        for position, index in enumerate(operation.outputs):
            if self.written[index]:
                lifetime = self.operands[index].lifetime
                raise BadDataError(
                    f"output {position} (operand {index}) "
                    + (
                        "has been written before"
                        if lifetime in _WRITTEN_BY_OPERATIONS
                        else f"has lifetime {lifetime.name}; operations can't write it"
                    ),
                    operand=index,
                )
            self.written[index] = True
        if declaration is not None:
            self._check_signature(declaration, operation)
            self._check_subgraphs(operation)

    def _check_subgraphs(self, operation: Operation) -> None:
        """Check what an IF or WHILE executes, once the indexes of all subgraphs' inputs and outputs are known good."""
        if operation.type in CONTROL_FLOW:
            for number in (self.operands[index].subgraph for index in operation.inputs):
                if number is not None:
                    inner = self.referenced[number]
                    _check_indexes("input", inner.inputs, inner.operands)
                    _check_indexes("output", inner.outputs, inner.operands)
            check_control_flow(operation, self.operands, self.referenced)

    def _check_signature(self, declaration: Declaration, operation: Operation) -> None:
        """Check the operation against its declaration, and its outputs' dimensions where they follow from it."""
        arguments = _bind(declaration, operation, self.operands, lenient=self.lenient)
        if self.lenient:
            return
        try:
            inferred = declaration.infer(arguments)
        except UnknownValueError:
            return
        for position, (index, dimensions) in enumerate(zip(operation.outputs, inferred)):
            operand = self.operands[index]
            if operand.dimensions == dimensions:
                continue
            fault = type_fault(operand.type, dimensions, operand.scale, operand.zero_point)
            if fault is None and merge(operand.dimensions, dimensions) is None:
                fault = f"has dimensions {list(operand.dimensions)}; from its inputs follow {list(dimensions)}"
            if fault is not None:
                raise BadDataError(f"output {position} (operand {index}) {fault}", operand=index)
            self.operands[index] = replace(operand, dimensions=dimensions)


def _refuse_circular_references(subgraphs: Sequence[Subgraph]) -> None:
    """Refuse subgraphs that contain themselves. Not by recursion: a stranger may nest them deeply."""
    contained = [
        [operand.subgraph for operand in subgraph.operands if operand.subgraph is not None] for subgraph in subgraphs
    ]
    containers = [0] * len(subgraphs)
    for inner in contained:
        for number in inner:
            containers[number] += 1
    outermost = [number for number, count in enumerate(containers) if count == 0]
    while outermost:
        for number in contained[outermost.pop()]:
            containers[number] -= 1
            if containers[number] == 0:
                outermost.append(number)
    for number, count in enumerate(containers):
        if count:
            raise BadDataError(f"referenced subgraph {number} is in a circle of subgraphs that contain each other")


def _extension_prefixes(extensions: Sequence[Extension]) -> frozenset[int]:
    for extension in extensions:
        check_extension_name(extension.name)
        if not 0 < extension.prefix < 1 << EXTENSION_BITS:
            raise BadDataError(
                f"extension {extension.name!r} has prefix {extension.prefix}; "
                f"it must be from 1 to {(1 << EXTENSION_BITS) - 1}"
            )
    for what in ("name", "prefix"):
        repeated = _first_repeated(getattr(extension, what) for extension in extensions)
        if repeated is not None:
            raise BadDataError(f"two extensions have the {what} {repeated!r}")
    return frozenset(extension.prefix for extension in extensions)


def _first_repeated(values: Iterable[object]) -> object | None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _declaration(operation: Operation, operands: Sequence[Operand]) -> Declaration | None:
    """The operation's declaration, None for one that has none; refuses unknown types and indexes."""
    if not is_extension(operation.type) and operation.type not in _OPERATION_TYPES:
        raise BadDataError("NNAPI does not have this operation")
    _check_indexes("input", operation.inputs, operands)
    _check_indexes("output", operation.outputs, operands)
    return None if is_extension(operation.type) else DECLARATIONS.get(_OPERATION_TYPES[operation.type])


def _check_indexes(kind: str, indexes: Sequence[int], operands: Sequence[Operand]) -> None:
    for position, index in enumerate(indexes):
        if not 0 <= index < len(operands):
            raise BadDataError(f"{kind} {position} is operand {index}; there are {len(operands)} operands")


def _bind(
    declaration: Declaration, operation: Operation, operands: Sequence[Operand], *, lenient: bool = False
) -> Arguments:
    """The operation's inputs by name, once its declaration allows them and its outputs."""
    inputs = [operands[index] for index in operation.inputs]
    outputs = [operands[index] for index in operation.outputs]
    try:
        arguments = declaration.bind(inputs, lenient=lenient)
        declaration.check_outputs(outputs, declaration.data_type(inputs), lenient=lenient)
        check = declaration.check_at_once if lenient else declaration.check
        if check is not None:
            check(arguments, tuple(tensor_spec(operand) for operand in outputs))
    except BadDataError as error:
        raise _with_operand(error, operation) from error
    except UnknownValueError:
        pass  # a rule about a value that only an execution knows
    return arguments


def _with_operand(error: BadDataError, operation: Operation) -> BadDataError:
    """The error of a declaration, which knows positions, told with the operand's index too."""
    match = _POSITION.match(str(error))
    if match is None:
        return BadDataError(str(error))
    kind, position, name = match.groups()
    index = (operation.inputs if kind == "input" else operation.outputs)[int(position)]
    where = f"{name}, operand {index}" if name else f"operand {index}"
    return BadDataError(f"{kind} {position} ({where}){str(error)[match.end() :]}", operand=index)


def _in_operation(error: BadDataError, number: int, operation: Operation) -> BadDataError:
    message = f"operation {number} ({operation_name(operation.type)}): {error}"
    return BadDataError(message, operand=error.operand, operation=number)


def _argument_dimensions(operand: Operand, argument: Argument, what: str, index: int) -> Dimensions:
    """What the model and the request together say about an argument's dimensions."""
    if argument.location is not None and (argument.data is None or argument.data.size != argument.location.length):
        raise BadDataError(f"{what} and its place in shared memory differ in size", operand=index)
    if not argument.dimensions:
        return operand.dimensions
    dimensions = merge(operand.dimensions, argument.dimensions)
    if dimensions is None:
        raise BadDataError(
            f"{what} has dimensions {list(argument.dimensions)}; the model has {list(operand.dimensions)}",
            operand=index,
        )
    fault = type_fault(operand.type, dimensions, operand.scale, operand.zero_point)
    if fault is not None:
        raise BadDataError(f"{what} {fault}", operand=index)
    return dimensions


def _refuse_needed(model: Model, index: int, what: str) -> None:
    """Refuse to leave out an operand that its operations need."""
    operands = list(model.main.operands)
    operands[index] = replace(operands[index], lifetime=Lifetime.NO_VALUE)
    for number, operation in enumerate(model.main.operations):
        if index in operation.inputs or index in operation.outputs:
            try:
                validate_operation(number, operation, operands, model.referenced, lenient=True)
            except BadDataError as error:
                raise BadDataError(f"{what} is left out: {error}", operand=index, operation=number) from error
