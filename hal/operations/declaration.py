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
from hal.model import Dimensions, Lifetime, Operand, PerChannelQuantization, is_fully_specified, is_tensor
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
    ``with_next``: the list may not end right after this position. ``repeated``: ``least`` or more
    operands stand here, and the argument is the tuple of them; a form that has such a position has no
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
    least: int = 1
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


def anything(data_type: OperandType) -> Types:
    """Every type, of scalars, tensors and models alike."""
    return frozenset(OperandType)


_REAL_SCALARS = {
    operand_type: frozenset(
        {OperandType.FLOAT16 if operand_type is OperandType.TENSOR_FLOAT16 else OperandType.FLOAT32}
    )
    for operand_type in OperandType
}


def tensor(
    name: str,
    *ranks: int,
    accepts: Callable[[OperandType], Types] = same,
    omittable: bool = False,
) -> Parameter:
    """A tensor of one of ``ranks`` (any rank without them), by default of the operation's data type."""
    return Parameter(name, accepts, ranks=frozenset(ranks) or None, omittable=omittable)


def int32_tensor(name: str, *ranks: int) -> Parameter:
    """A tensor of TENSOR_INT32, of one of ``ranks`` (any without them), whose values ``integers`` reads."""
    return tensor(name, *ranks, accepts=only(OperandType.TENSOR_INT32))


def int32(name: str, minimum: int | None = None, choices: type[IntEnum] | None = None) -> Parameter:
    """An INT32 scalar."""
    return Parameter(name, only(OperandType.INT32), minimum=minimum, choices=choices)


def real(name: str, since: FeatureLevel = FeatureLevel.LEVEL_1) -> Parameter:
    """A scalar of the data type's precision: FLOAT16 for TENSOR_FLOAT16, else FLOAT32."""
    return Parameter(name, following(_REAL_SCALARS), since=since)


def boolean(name: str) -> Parameter:
    """A BOOL scalar."""
    return Parameter(name, only(OperandType.BOOL))


def optional(parameter: Parameter, default: object, since: FeatureLevel, with_next: bool = False) -> Parameter:
    """``parameter``, where the list may also end before it, which means ``default``."""
    return dataclasses.replace(parameter, required=False, default=default, since=since, with_next=with_next)


def repeated(parameter: Parameter, least: int = 1) -> Parameter:
    """``parameter``, ``least`` times or more."""
    return dataclasses.replace(parameter, repeated=True, least=least)


UP_TO_4 = (1, 2, 3, 4)
"""The ranks that most operations take."""


def floating_and_quant8(since: FeatureLevel) -> Mapping[OperandType, FeatureLevel]:
    """The data types of most operations, where TENSOR_FLOAT32 and TENSOR_QUANT8_ASYMM came with ``since``."""
    return {
        OperandType.TENSOR_FLOAT16: max(since, FeatureLevel.LEVEL_3),
        OperandType.TENSOR_FLOAT32: since,
        OperandType.TENSOR_QUANT8_ASYMM: since,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: max(since, FeatureLevel.LEVEL_4),
    }


ACTIVATION = int32("activation", choices=FuseCode)
PADDING = int32("padding", choices=PaddingCode)
NCHW = optional(boolean("nchw"), default=False, since=FeatureLevel.LEVEL_3)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What is known of a tensor before it is computed; ``value`` only where it is a constant.

    ``concrete``: the dimensions are those of an execution, where a 0 is an empty tensor and not an
    unknown size.
    """

    type: OperandType
    dimensions: Dimensions
    scale: float = 0.0
    zero_point: int = 0
    value: Array | None = None
    per_channel: PerChannelQuantization | None = None
    concrete: bool = False

    @property
    def is_known(self) -> bool:
        """Whether rank and dimensions are known."""
        return self.concrete or is_fully_specified(self.dimensions)

    @property
    def shape(self) -> Dimensions:
        """``dimensions``, by an array's name for them: the same geometry serves inference and reference."""
        return self.dimensions


class UnknownValueError(Exception):
    """A shape depends on something that is known only when the model is executed; it names the input."""


class Arguments(SimpleNamespace):
    """An operation's inputs by parameter name.

    Scalars are Python values. Tensors are ``TensorSpec`` for shape inference and lowering, and
    arrays for the reference; an omitted one is None, repeated ones are a tuple. A referenced model
    is its index. Asking for a scalar that is not a constant raises ``UnknownValueError``.
    ``data_type`` is the operation's data type. The reference also gets ``specs``, what was known of
    each argument before, and ``results``, the ``TensorSpec`` of each output as the model declares it.
    """

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if value is UNKNOWN:
            raise UnknownValueError(name)
        return value


UNKNOWN = object()


def integers(arguments: Arguments, name: str) -> list[int]:
    """The values of the integer tensor ``name`` as they are stored, flat, from a ``TensorSpec`` or from an array.

    Raises ``UnknownValueError`` where they are known only when the model is executed.
    """
    given = getattr(vars(arguments).get("specs", arguments), name)  # a scale means nothing to them
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
    holding arrays to the outputs, dtype free: floating and quantised tensors come as the real numbers
    they stand for, in float64, and what is returned for such an output is rounded to its type.

    ``stored``: the reference takes and returns tensors as they are stored instead, for operations
    that only move values or define their own integer arithmetic. ``check``: refuses with
    ``BadDataError`` what types and dimensions do not show, such as scales that do not fit each other;
    it gets the arguments and the outputs' ``TensorSpec``. ``check_at_once``: what of that NNAPI's
    addOperation refuses already, where it leaves the rest to executions; no scalar's value is known to
    it. ``ranks_at_once``: whether addOperation refuses inputs of wrong ranks. Outputs that are not
    ``required`` may be missing from the end of their list.
    """

    type: OperationType
    since: FeatureLevel
    types: Mapping[OperandType, FeatureLevel]
    forms: tuple[tuple[Parameter, ...], ...]
    outputs: tuple[Parameter, ...]
    dimensions: Callable[[Arguments], tuple[Dimensions, ...]]
    reference: Callable[[Arguments], tuple[Array, ...]]
    data_input: int = 0
    stored: bool = False
    check: Callable[[Arguments, tuple[TensorSpec, ...]], None] | None = None
    check_at_once: Callable[[Arguments, tuple[TensorSpec, ...]], None] | None = None
    ranks_at_once: bool = True

    def bind(
        self,
        inputs: Sequence[Operand],
        known: Sequence[Array | None] | None = None,
        *,
        concrete: bool = False,
        lenient: bool = False,
    ) -> Arguments:
        """Match ``inputs`` to the form that they fit.

        ``known`` gives values that the operands themselves do not hold (an input's, at execution); a
        value's shape then stands for its operand's dimensions. ``concrete``: the operands' dimensions
        are those of an execution. ``lenient``: only what NNAPI's addOperation refuses is refused.
        Raises ``BadDataError`` when no form fits, with the sentence of the form that went furthest, or
        when a scalar's value is not allowed; ``operand`` is then the position in the list (not yet an
        operand's index).
        """
        values = known if known is not None else [operand.value for operand in inputs]
        form, parameters = self._matched(inputs, values, any_ranks=lenient and not self.ranks_at_once)
        if not lenient:
            _check_scalars(parameters, inputs, values)
        bound = _arguments(form, parameters, inputs, values, concrete)
        return Arguments(data_type=self.data_type(inputs), **bound)

    def parameters(self, inputs: Sequence[Operand]) -> list[Parameter]:
        """What each of ``inputs`` is, in the form that they fit; raises ``BadDataError`` when no form fits."""
        return self._matched(inputs, [operand.value for operand in inputs])[1]

    def _matched(
        self, inputs: Sequence[Operand], values: Sequence[Array | None], *, any_ranks: bool = False
    ) -> tuple[Sequence[Parameter], list[Parameter]]:
        """The form that inputs fit, and the parameter at each of their positions."""
        data_type = self.data_type(inputs)
        failures: list[BadDataError] = []
        for form in self.forms:
            parameters = _spread(form, len(inputs))
            if parameters is None:
                continue
            failure = _first_mismatch(parameters, inputs, values, data_type, any_ranks)
            if failure is None:
                return form, parameters
            failures.append(failure)
        if not failures:
            raise BadDataError(f"it has {len(inputs)} inputs; it must have {_counts(self.forms)}", operand=len(inputs))
        raise max(failures, key=lambda failure: failure.operand or 0)

    def infer(self, arguments: Arguments) -> tuple[Dimensions, ...]:
        """The dimensions of each output; none is empty unless an input is.

        Raises ``UnknownValueError`` where they depend on what only an execution knows, and
        ``BadDataError`` where the inputs do not fit each other or an output would be empty or larger
        than ``MAX_ELEMENTS``.
        """
        empty = False
        for name, argument in vars(arguments).items():
            for given in argument if isinstance(argument, tuple) else (argument,):
                if isinstance(given, TensorSpec) and not given.is_known:
                    raise UnknownValueError(name)
                empty = empty or (isinstance(given, TensorSpec) and 0 in given.dimensions)
        outputs = self.dimensions(arguments)
        for parameter, dimensions in zip(self.outputs, outputs):
            if (
                min(dimensions, default=1) < (0 if empty else 1)
                or math.prod(each or 1 for each in dimensions) > MAX_ELEMENTS
            ):
                raise BadDataError(
                    f"its {parameter.name} would have dimensions {list(dimensions)}; each must be at least 1, "
                    f"and their product at most {MAX_ELEMENTS}"
                )
        return outputs

    def check_outputs(self, outputs: Sequence[Operand], data_type: OperandType, *, lenient: bool = False) -> None:
        """Refuse outputs of the wrong count, type or, unless ``lenient``, rank with ``BadDataError``."""
        parameters = _spread(self.outputs, len(outputs))
        if parameters is None:
            raise BadDataError(f"it has {len(outputs)} outputs; it must have {_counts([self.outputs])}")
        for position, (parameter, operand) in enumerate(zip(parameters, outputs)):
            dimensions = () if lenient else operand.dimensions
            reason = _operand_mismatch(parameter, operand, dimensions, data_type)
            if reason is not None:
                raise BadDataError(f"output {position} ('{parameter.name}') {reason}")

    def data_type(self, inputs: Sequence[Operand]) -> OperandType:
        """The type that the operation computes in; ``BadDataError`` when it takes no such type."""
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
    for varying in (parameter for parameter in form if parameter.repeated):
        copies = count - len(form) + 1
        spread = [entry for parameter in form for entry in [parameter] * (copies if parameter.repeated else 1)]
        return spread if copies >= varying.least else None
    required = sum(parameter.required for parameter in form)
    if not required <= count <= len(form) or form[count - 1].with_next:
        return None
    return list(form[:count])


def _counts(forms: Sequence[Sequence[Parameter]]) -> str:
    """The input counts that ``forms`` allow, for a sentence."""
    if any(parameter.repeated for form in forms for parameter in form):
        return f"at least {min(len(form) - 1 + sum(each.least for each in form if each.repeated) for form in forms)}"
    longest = max(len(form) for form in forms)
    return _either(count for count in range(longest + 1) if any(_spread(form, count) is not None for form in forms))


def _first_mismatch(
    parameters: Sequence[Parameter],
    inputs: Sequence[Operand],
    values: Sequence[Array | None],
    data_type: OperandType,
    any_ranks: bool,
) -> BadDataError | None:
    """The first of ``inputs`` whose type, rank or absence its parameter does not allow."""
    for position, (parameter, operand, value) in enumerate(zip(parameters, inputs, values)):
        dimensions = () if any_ranks else _dimensions(operand, value)
        reason = _operand_mismatch(parameter, operand, dimensions, data_type)
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
        if parameter.choices is not None and number not in parameter.choices._value2member_map_:
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
    concrete: bool,
) -> dict[str, Any]:
    bound: dict[str, Any] = {parameter.name: () if parameter.repeated else parameter.default for parameter in form}
    for parameter, operand, value in zip(parameters, inputs, values):
        argument = _argument(operand, value, concrete)
        bound[parameter.name] = (*bound[parameter.name], argument) if parameter.repeated else argument
    return bound


def _argument(operand: Operand, value: Array | None, concrete: bool) -> object:
    if operand.lifetime is Lifetime.NO_VALUE:
        return None
    if operand.type is OperandType.MODEL:
        return operand.subgraph
    if is_tensor(operand):
        return tensor_spec(operand, value, concrete=concrete)
    return UNKNOWN if value is None else value.item()


def tensor_spec(operand: Operand, value: Array | None = None, *, concrete: bool = False) -> TensorSpec:
    """What is known of a tensor operand."""
    assert isinstance(operand.type, OperandType)
    return TensorSpec(
        operand.type,
        _dimensions(operand, value),
        operand.scale,
        operand.zero_point,
        value,
        operand.per_channel,
        concrete or value is not None,
    )


def _dimensions(operand: Operand, value: Array | None) -> Dimensions:
    return operand.dimensions if value is None else value.shape


def evaluate(
    declaration: Declaration,
    inputs: Sequence[Operand],
    values: Sequence[Array | None],
    outputs: Sequence[Operand],
) -> list[Array]:
    """The operation's reference results for ``values`` (None for an omitted input), stored as ``outputs`` say.

    Raises ``BadDataError`` where ``infer`` does, and ``UnknownValueError`` where a value is missing.
    """
    arguments = declaration.bind(inputs, values)
    try:
        dimensions: tuple[Dimensions, ...] | None = declaration.infer(arguments)
    except UnknownValueError:  # the values decide, and the reference has them
        dimensions = None
    integral = arguments.data_type is OperandType.TENSOR_INT32  # a scale, which NNAPI allows, then means nothing
    convert = _stored if declaration.stored or integral else real_values
    arrays = {name: _array(name, argument, convert) for name, argument in vars(arguments).items()}
    specs = tuple(tensor_spec(operand) for operand in outputs)
    with np.errstate(all="ignore"):  # infinity and NaN are IEEE's answers, and so the reference's
        results = declaration.reference(Arguments(specs=arguments, results=specs, **arrays))
        if dimensions is not None:
            shapes = tuple(result.shape for result in results)
            assert shapes[: len(outputs)] == dimensions[: len(outputs)], f"{declaration.type.name} contradicts itself"
        return [
            np.asarray(result, spec.type.dtype) if declaration.stored else rounded(result, spec)
            for result, spec in zip(results, specs)
        ]


def rounded(result: Array, spec: TensorSpec) -> Array:
    """Real numbers as a tensor of ``spec``'s type stores them: the nearest, halves away from zero, within its range."""
    dtype = spec.type.dtype
    if spec.type.has_scale and np.issubdtype(result.dtype, np.floating):
        limits = np.iinfo(dtype.name)
        scaled = result / np.float64(spec.scale)
        nearest = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5) + spec.zero_point
        within: Array = np.clip(np.nan_to_num(nearest), limits.min, limits.max)
        return within.astype(dtype)
    return result.astype(dtype)


def _array(name: str, argument: object, convert: Callable[[TensorSpec, Array], Array]) -> object:
    if isinstance(argument, tuple):
        return tuple(_array(name, entry, convert) for entry in argument)
    if not isinstance(argument, TensorSpec):
        return argument
    if argument.value is None:
        raise UnknownValueError(name)
    return convert(argument, argument.value)


def _stored(spec: TensorSpec, value: Array) -> Array:
    return value


def real_values(spec: TensorSpec, value: Array) -> Array:
    """The real numbers (float64) that ``value`` stands for in a tensor of ``spec``, where it stands for any."""
    if spec.per_channel is not None:
        shape = [1] * value.ndim
        shape[spec.per_channel.channel_dim] = -1
        return value * np.array(spec.per_channel.scales, np.float64).reshape(shape)
    if spec.scale:  # quantised types, and the TENSOR_INT32 bias of a quantised operation
        return (value.astype(np.float64) - spec.zero_point) * np.float64(spec.scale)
    return value.astype(np.float64) if np.issubdtype(value.dtype, np.floating) else value
