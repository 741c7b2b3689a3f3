"""What an operation's declaration is made of.

A ``Declaration`` is an operation's whole contract: its type and feature level, the operand types
and ranks of each input and output, which inputs may be left out, how the output dimensions follow,
and its reference result. Validation, shape inference, lowering and the documentation read it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.errors import BadDataError
from hal.model import Dimensions, Lifetime, Operand, is_fully_specified, is_tensor
from hal.types import FeatureLevel, FuseCode, OperandType, OperationType, PaddingCode

Types = frozenset[OperandType]
Array = NDArray[Any]

MAX_ELEMENTS = 2**32 - 1
"""NNAPI counts a tensor's elements, and its bytes, in 32 bits."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One position in an operation's input or output list.

    ``accepts``: the operand types allowed, given the operation's data type. ``ranks``: the ranks
    allowed, None for any. ``omittable``: an operand without value may stand here. ``default``: the
    value where the list ends before this position; ``required`` says that it may not.
    ``with_next``: the list may not end right after this position. ``repeated``: one or more operands
    stand here, and the argument is the tuple of them; a form that has such a position has no
    optional ones. ``minimum``, ``choices``: what a scalar's value must obey. ``since``: when the
    position came.
    """

    name: str
    accepts: Callable[[OperandType], Types]
    ranks: frozenset[int] | None = None
    omittable: bool = False
    required: bool = True
    default: object = None
    with_next: bool = False
    repeated: bool = False
    minimum: int | None = None
    choices: type[IntEnum] | None = None
    since: FeatureLevel = FeatureLevel.LEVEL_1


def same(data_type: OperandType) -> Types:
    """The operation's data type."""
    return frozenset({data_type})


def only(*operand_types: OperandType) -> Callable[[OperandType], Types]:
    """These types, whatever the operation's data type is."""
    accepted = frozenset(operand_types)
    return lambda _: accepted


def following(table: Mapping[OperandType, Types]) -> Callable[[OperandType], Types]:
    """The types that ``table`` has for the data type; the data type itself where it has none."""
    return lambda data_type: table.get(data_type, frozenset({data_type}))


def tensor(
    name: str,
    *ranks: int,
    accepts: Callable[[OperandType], Types] = same,
    omittable: bool = False,
) -> Parameter:
    """A tensor of one of ``ranks`` (any rank without them), by default of the operation's data type."""
    return Parameter(name, accepts, ranks=frozenset(ranks) or None, omittable=omittable)


def int32_tensor(name: str, rank: int) -> Parameter:
    """A tensor of TENSOR_INT32 whose values ``integers`` reads."""
    return tensor(name, rank, accepts=only(OperandType.TENSOR_INT32))


def int32(name: str, minimum: int | None = None, choices: type[IntEnum] | None = None) -> Parameter:
    """An INT32 scalar."""
    return Parameter(name, only(OperandType.INT32), minimum=minimum, choices=choices)


def float32(name: str, since: FeatureLevel = FeatureLevel.LEVEL_1) -> Parameter:
    """A FLOAT32 scalar."""
    return Parameter(name, only(OperandType.FLOAT32), since=since)


def boolean(name: str) -> Parameter:
    """A BOOL scalar."""
    return Parameter(name, only(OperandType.BOOL))


def optional(parameter: Parameter, default: object, since: FeatureLevel, with_next: bool = False) -> Parameter:
    """``parameter``, where the list may also end before it, which means ``default``."""
    return dataclasses.replace(parameter, required=False, default=default, since=since, with_next=with_next)


def repeated(parameter: Parameter) -> Parameter:
    """``parameter``, once or more."""
    return dataclasses.replace(parameter, repeated=True)


UP_TO_4 = (1, 2, 3, 4)
"""The ranks that most operations take."""

ACTIVATION = int32("activation", choices=FuseCode)
PADDING = int32("padding", choices=PaddingCode)
NCHW = optional(boolean("nchw"), default=False, since=FeatureLevel.LEVEL_3)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What is known of a tensor before it is computed; ``value`` only where it is a constant."""

    type: OperandType
    dimensions: Dimensions
    scale: float = 0.0
    zero_point: int = 0
    value: Array | None = None

    @property
    def shape(self) -> Dimensions:
        """``dimensions``, by an array's name for them: the same geometry serves inference and reference."""
        return self.dimensions


class UnknownValueError(Exception):
    """A shape depends on something that is known only when the model is executed; it names the input."""


class Arguments(SimpleNamespace):
    """An operation's inputs by parameter name.

    Scalars are Python values. Tensors are ``TensorSpec`` for shape inference and lowering, and
    arrays for the reference; an omitted one is None, repeated ones are a tuple. Asking for a scalar
    that is not a constant raises ``UnknownValueError``.
    """

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if value is UNKNOWN:
            raise UnknownValueError(name)
        return value


UNKNOWN = object()


def integers(arguments: Arguments, name: str) -> list[int]:
    """The values of the integer tensor ``name``, flat, from a ``TensorSpec`` or from an array.

    Raises ``UnknownValueError`` where they are known only when the model is executed.
    """
    given = getattr(arguments, name)
    value = given.value if isinstance(given, TensorSpec) else given
    if value is None:
        raise UnknownValueError(name)
    return [int(number) for number in value.ravel()]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One operation.

    ``types``: the data types (the type of input ``data_input``) with the feature level that brought
    each. ``forms``: the input lists it may be called with, more than one where NNAPI has explicit
    and implicit padding; their counts and types tell them apart. ``dimensions``: from the bound
    arguments, all of known dimensions, to the dimensions of each output; raises ``BadDataError``
    where the inputs do not fit each other. Call it through ``infer``. ``reference``: from arguments
    holding arrays (floating types widened to float64) to the outputs, dtype free.
    """

    type: OperationType
    since: FeatureLevel
    types: Mapping[OperandType, FeatureLevel]
    forms: tuple[tuple[Parameter, ...], ...]
    outputs: tuple[Parameter, ...]
    dimensions: Callable[[Arguments], tuple[Dimensions, ...]]
    reference: Callable[[Arguments], tuple[Array, ...]]
    data_input: int = 0

    def bind(self, inputs: Sequence[Operand], known: Sequence[Array | None] | None = None) -> Arguments:
        """Match ``inputs`` to the form that they fit.

        ``known`` gives values that the operands themselves do not hold (an input's, at execution); a
        value's shape then stands for its operand's dimensions. Raises ``BadDataError`` when no form
        fits, with the sentence of the form that went furthest, or when a scalar's value is not
        allowed; ``operand`` is then the position in the list (not yet an operand's index).
        """
        values = known if known is not None else [operand.value for operand in inputs]
        data_type = self._data_type(inputs)
        candidates = [(form, _spread(form, len(inputs))) for form in self.forms]
        failures: list[BadDataError] = []
        for form, parameters in candidates:
            if parameters is None:
                continue
            failure = _first_mismatch(parameters, inputs, values, data_type)
            if failure is None:
                _check_scalars(parameters, inputs, values)
                return _arguments(form, parameters, inputs, values)
            failures.append(failure)
        if not failures:
            raise BadDataError(f"it has {len(inputs)} inputs; it must have {_counts(self.forms)}", operand=len(inputs))
        raise max(failures, key=lambda failure: failure.operand or 0)

    def infer(self, arguments: Arguments) -> tuple[Dimensions, ...]:
        """The dimensions of each output, all of them positive.

        Raises ``UnknownValueError`` where they depend on what only an execution knows, and
        ``BadDataError`` where the inputs do not fit each other or an output would be empty or larger
        than ``MAX_ELEMENTS``.
        """
        for name, argument in vars(arguments).items():
            for given in argument if isinstance(argument, tuple) else (argument,):
                if isinstance(given, TensorSpec) and not is_fully_specified(given.dimensions):
                    raise UnknownValueError(name)
        outputs = self.dimensions(arguments)
        for parameter, dimensions in zip(self.outputs, outputs):
            if min(dimensions) < 1 or math.prod(dimensions) > MAX_ELEMENTS:
                raise BadDataError(
                    f"its {parameter.name} would have dimensions {list(dimensions)}; each must be at least 1, "
                    f"and their product at most {MAX_ELEMENTS}"
                )
        return outputs

    def check_outputs(self, outputs: Sequence[Operand], data_type: OperandType) -> None:
        """Refuse outputs of the wrong count, type or rank with ``BadDataError``."""
        if len(outputs) != len(self.outputs):
            raise BadDataError(f"it has {len(outputs)} outputs; it must have {len(self.outputs)}")
        for position, (parameter, operand) in enumerate(zip(self.outputs, outputs)):
            reason = _operand_mismatch(parameter, operand, operand.dimensions, data_type)
            if reason is not None:
                raise BadDataError(f"output {position} ('{parameter.name}') {reason}")

    def _data_type(self, inputs: Sequence[Operand]) -> OperandType:
        if len(inputs) <= self.data_input:
            raise BadDataError(f"it has {len(inputs)} inputs; it must have {_counts(self.forms)}")
        data_type = inputs[self.data_input].type
        if data_type not in self.types:
            wanted = _either(sorted(operand_type.name for operand_type in self.types))
            raise BadDataError(f"input {self.data_input} is {type_name(data_type)}; it must be {wanted}")
        return OperandType(data_type)


def type_name(operand_type: OperandType | int) -> str:
    """A type as people call it."""
    if isinstance(operand_type, OperandType):
        return operand_type.name
    return f"extension type {operand_type:#x}"


def _either(words: Iterable[object]) -> str:
    *others, last = [str(word) for word in words]
    return f"{', '.join(others)} or {last}" if others else last


def _spread(form: Sequence[Parameter], count: int) -> list[Parameter] | None:
    """The parameter at each of ``count`` positions; None when ``form`` can't have that many inputs."""
    if any(parameter.repeated for parameter in form):
        copies = count - len(form) + 1
        spread = [entry for parameter in form for entry in [parameter] * (copies if parameter.repeated else 1)]
        return spread if copies >= 1 else None
    required = sum(parameter.required for parameter in form)
    if not required <= count <= len(form) or form[count - 1].with_next:
        return None
    return list(form[:count])


def _counts(forms: Sequence[Sequence[Parameter]]) -> str:
    """The input counts that ``forms`` allow, for a sentence."""
    if any(parameter.repeated for form in forms for parameter in form):
        return f"at least {min(len(form) for form in forms)}"
    longest = max(len(form) for form in forms)
    return _either(count for count in range(longest + 1) if any(_spread(form, count) is not None for form in forms))


def _first_mismatch(
    parameters: Sequence[Parameter],
    inputs: Sequence[Operand],
    values: Sequence[Array | None],
    data_type: OperandType,
) -> BadDataError | None:
    """The first of ``inputs`` whose type, rank or absence its parameter does not allow."""
    for position, (parameter, operand, value) in enumerate(zip(parameters, inputs, values)):
        reason = _operand_mismatch(parameter, operand, _dimensions(operand, value), data_type)
        if reason is not None:
            return BadDataError(f"input {position} ('{parameter.name}') {reason}", operand=position)
    return None


def _operand_mismatch(
    parameter: Parameter, operand: Operand, dimensions: Dimensions, data_type: OperandType
) -> str | None:
    accepted = parameter.accepts(data_type)
    if operand.type not in accepted:
        wanted = _either(sorted(operand_type.name for operand_type in accepted))
        return f"is {type_name(operand.type)}; it must be {wanted}"
    if operand.lifetime is Lifetime.NO_VALUE and not parameter.omittable:
        return "has no value; it can't be left out"
    if parameter.ranks is not None and dimensions and len(dimensions) not in parameter.ranks:
        wanted = _either(sorted(parameter.ranks))
        return f"has rank {len(dimensions)} {list(dimensions)}; it must have rank {wanted}"
    return None


def _check_scalars(parameters: Sequence[Parameter], inputs: Sequence[Operand], values: Sequence[Array | None]) -> None:
    for position, (parameter, operand, value) in enumerate(zip(parameters, inputs, values)):
        if value is None or is_tensor(operand):
            continue
        number = value.item()
        wanted = None
        if parameter.minimum is not None and number < parameter.minimum:
            wanted = f"at least {parameter.minimum}"
        if parameter.choices is not None and number not in list(parameter.choices):
            wanted = _either(f"{choice.value} ({choice.name})" for choice in parameter.choices)
        if wanted is not None:
            raise BadDataError(
                f"input {position} ('{parameter.name}') is {number}; it must be {wanted}", operand=position
            )


def _arguments(
    form: Sequence[Parameter],
    parameters: Sequence[Parameter],
    inputs: Sequence[Operand],
    values: Sequence[Array | None],
) -> Arguments:
    bound: dict[str, Any] = {parameter.name: () if parameter.repeated else parameter.default for parameter in form}
    for parameter, operand, value in zip(parameters, inputs, values):
        argument = _argument(operand, value)
        bound[parameter.name] = (*bound[parameter.name], argument) if parameter.repeated else argument
    return Arguments(**bound)


def _argument(operand: Operand, value: Array | None) -> object:
    if operand.lifetime is Lifetime.NO_VALUE:
        return None
    if is_tensor(operand):
        assert isinstance(operand.type, OperandType)
        return TensorSpec(operand.type, _dimensions(operand, value), operand.scale, operand.zero_point, value)
    return UNKNOWN if value is None else value.item()


def _dimensions(operand: Operand, value: Array | None) -> Dimensions:
    return operand.dimensions if value is None else value.shape


FLOAT32_ONLY: Mapping[OperandType, FeatureLevel] = {OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1}


def evaluate(declaration: Declaration, inputs: Sequence[Operand], values: Sequence[Array | None]) -> tuple[Array, ...]:
    """The operation's reference result for ``values`` (None for an omitted input), in float64 where floating.

    Raises ``BadDataError`` where ``infer`` does, and ``UnknownValueError`` where a value is missing.
    """
    arguments = declaration.bind(inputs, values)
    dimensions = declaration.infer(arguments)
    arrays = Arguments(**{name: _array(name, argument) for name, argument in vars(arguments).items()})
    with np.errstate(all="ignore"):  # infinity and NaN are IEEE's answers, and so the reference's
        results = declaration.reference(arrays)
    assert tuple(result.shape for result in results) == dimensions, f"{declaration.type.name} contradicts itself"
    return results


def _array(name: str, argument: object) -> object:
    if isinstance(argument, tuple):
        return tuple(_array(name, entry) for entry in argument)
    if not isinstance(argument, TensorSpec):
        return argument
    if argument.value is None:
        raise UnknownValueError(name)
    floating = np.issubdtype(argument.value.dtype, np.floating)
    return argument.value.astype(np.float64) if floating else argument.value
