"""What a specification declares: operands and models.

Names and meanings are those of Android's test generator, so that a specification finds them.
"""

# ruff: noqa: N802, N803, N815 -- the language's own names

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SHAPE = re.compile(r"\{([^}]*)\}\s*(?:,\s*([^,\s]+?)f?\s*(?:,\s*(-?\d+)\s*)?)?")
_keys = itertools.count()


class LanguageError(Exception):
    """The specification says something that is not understood."""


class SymmPerChannelQuantParams:
    """Scales by channel; with ``hide``, only for turning values into integers, and not part of the model."""

    def __init__(self, channelDim: int, scales: Sequence[float], hide: bool = False) -> None:
        self.channelDim = channelDim
        self.scales = list(scales)
        self.hide = hide

    def broadcast(self, rank: int) -> Array:
        """The scales in a shape that multiplies a tensor of ``rank``."""
        shape = [1] * rank
        shape[self.channelDim] = len(self.scales)
        return np.array(self.scales, np.float64).reshape(shape)


class Type(NamedTuple):
    """An operand's type and what belongs to it."""

    type: str
    dimensions: list[int]
    scale: float = 0.0
    zeroPoint: int = 0
    extraParams: SymmPerChannelQuantParams | None = None

    @property
    def is_scalar(self) -> bool:
        """Whether operands of this type have no dimensions."""
        return not self.type.startswith("TENSOR_")

    @property
    def size(self) -> int:
        """How many values it holds."""
        return math.prod(self.dimensions)

    @property
    def is_floating(self) -> bool:
        """Whether its values are real numbers."""
        return "FLOAT" in self.type

    def shaped(self, dimensions: Iterable[int]) -> Type:
        """The same with other dimensions, and without scales by channel."""
        return Type(self.type, list(dimensions), self.scale, self.zeroPoint)


def _declared_type(kind: Any, shape: Any, extra: SymmPerChannelQuantParams | None) -> Type:
    """A name with a shape like ``"{1, 2}, 0.5f, 127"``, or a tuple of a type's parts."""
    if isinstance(kind, str):
        return Type(kind, *_parsed(shape), extra)
    name, dimensions, *rest = kind
    if isinstance(dimensions, str):
        dimensions = _parsed(dimensions)[0]
    complete = quantized_type(name, dimensions, *rest)
    return complete if complete.extraParams is not None else complete._replace(extraParams=extra)


def quantized_type(
    name: str,
    dimensions: Iterable[int],
    scale: Any = 0.0,
    zero_point: Any = 0,
    extra: SymmPerChannelQuantParams | None = None,
) -> Type:
    """A type of its parts, of which the last ones may be missing."""
    return Type(name, list(dimensions), float(scale), int(zero_point), extra)


def _parsed(shape: str) -> tuple[list[int], float, int]:
    if not shape.strip():
        return [], 0.0, 0
    match = _SHAPE.fullmatch(shape.strip())
    if match is None:
        raise LanguageError(f"the shape '{shape}' is not understood")
    sizes, scale, zero_point = match.groups()
    return [int(size) for size in sizes.split(",") if size.strip()], float(scale or 0), int(zero_point or 0)


class Kind(Enum):
    """What an operand is in its model."""

    INPUT = "input"
    OUTPUT = "output"
    PARAMETER = "parameter"
    INTERNAL = "internal"
    SUBGRAPH = "subgraph"


class Operand:
    """An operand. It is equal to its copies in copies of its model, which is how variations find it."""

    def __init__(self, name: str, kind: Kind, operand_type: Type, value: Any = None) -> None:
        self.name = name
        self.kind = kind
        self.type = operand_type
        self.is_ignored = False
        self.may_be_internal = True
        self.key = next(_keys)
        self.value: list[Any] | None = None
        self.SetValue(value)

    def SetValue(self, value: Any) -> Operand:
        """Hold a list of values, or a single one."""
        if value is None:
            self.value = None
        elif isinstance(value, np.ndarray):
            self.value = value.ravel().tolist()
        else:
            self.value = list(value) if isinstance(value, (list, tuple)) else [value]
        return self

    @property
    def array(self) -> Array:
        """The values in the operand's dimensions."""
        return np.array(self.value).reshape(self.type.dimensions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operand) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Input(Operand):
    """An input of a model."""

    def __init__(
        self,
        name: str,
        opType: Any,
        shape: Any = None,
        extraParams: SymmPerChannelQuantParams | None = None,
        mayBeInternal: bool = True,
    ) -> None:
        super().__init__(name, Kind.INPUT, _declared_type(opType, shape, extraParams))
        self.may_be_internal = mayBeInternal


class Output(Operand):
    """An output of a model."""

    def __init__(self, name: str, opType: Any, shape: Any = None) -> None:
        super().__init__(name, Kind.OUTPUT, _declared_type(opType, shape, None))


class IgnoredOutput(Output):
    """An output that is not compared."""

    def __init__(self, name: str, opType: Any, shape: Any = None) -> None:
        super().__init__(name, opType, shape)
        self.is_ignored = True


class Internal(Operand):
    """What one operation writes and others read."""

    def __init__(
        self, name: str, opType: Any, shape: Any = None, extraParams: SymmPerChannelQuantParams | None = None
    ) -> None:
        super().__init__(name, Kind.INTERNAL, _declared_type(opType, shape, extraParams))


class Parameter(Operand):
    """A constant; without a value, an operand that is left out."""

    def __init__(
        self,
        name: str,
        opType: Any,
        value: Any = None,
        backward: Any = None,
        extraParams: SymmPerChannelQuantParams | None = None,
    ) -> None:
        has_shape = isinstance(opType, str)
        operand_type = _declared_type(opType, value if has_shape else None, extraParams)
        super().__init__(name, Kind.PARAMETER, operand_type, backward if has_shape else value)


class Int32Scalar(Parameter):
    """An INT32."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__(name, ("INT32", []), int(value))


class Float16Scalar(Parameter):
    """A FLOAT16."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__(name, ("FLOAT16", []), float(value))


class Float32Scalar(Parameter):
    """A FLOAT32."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__(name, ("FLOAT32", []), float(value))


class BoolScalar(Parameter):
    """A BOOL."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__(name, ("BOOL", []), bool(value))


class Int32Vector(Parameter):
    """A TENSOR_INT32 of one dimension."""

    def __init__(self, name: str, value: Sequence[Any]) -> None:
        super().__init__(name, ("TENSOR_INT32", [len(value)]), [int(each) for each in value])


class Float32Vector(Parameter):
    """A TENSOR_FLOAT32 of one dimension."""

    def __init__(self, name: str, value: Sequence[Any]) -> None:
        super().__init__(name, ("TENSOR_FLOAT32", [len(value)]), [float(each) for each in value])


class SubgraphReference(Operand):
    """A model that an operation of another one executes."""

    def __init__(self, name: str, model: Model) -> None:
        super().__init__(name, Kind.SUBGRAPH, Type("SUBGRAPH", []))
        self.model = model
        model.name = model.name or name


def implied(value: Any) -> Operand:
    """The operand that a plain value among an operation's inputs stands for."""
    if isinstance(value, Operand):
        return value
    if isinstance(value, Model):
        return SubgraphReference("param", value)
    for plain, scalar in ((bool, BoolScalar), (int, Int32Scalar), (float, Float32Scalar)):
        if type(value) is plain:
            return scalar("param", value)
    if isinstance(value, (list, tuple)):
        for plain, vector in ((int, Int32Vector), (float, Float32Vector)):
            if all(type(each) is plain for each in value):
                return vector("param", value)
    raise LanguageError(f"{value!r} can't be an input of an operation")


class Operation:
    """An operation of a model."""

    def __init__(self, name: str, inputs: Sequence[Operand]) -> None:
        self.name = name
        self.inputs = list(inputs)
        self.outputs: list[Operand] = []


class Model:
    """A model in the making. Its operands are in the order in which they are first mentioned.

    ``declared``: where each new model is added.
    """

    declared: list[Model]

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.operands: list[Operand] = []
        self.operations: list[Operation] = []
        self.is_relaxed = False
        self.declared.append(self)

    def Operation(self, name: str, *inputs: Any) -> Model:
        """Add an operation; its outputs are said next."""
        operation = Operation(name, [implied(each) for each in inputs])
        self.operations.append(operation)
        self._mention(operation.inputs)
        return self

    def To(self, *outputs: Any) -> Model:
        """Say the last operation's outputs."""
        listed = outputs[0] if isinstance(outputs[0], (list, tuple)) else outputs
        self.operations[-1].outputs = list(listed)
        self._mention(listed)
        return self

    def IdentifyInputs(self, *operands: Operand) -> Model:
        """Say which the inputs are, in order."""
        self._mention(operands)
        return self

    def IdentifyOutputs(self, *operands: Operand) -> Model:
        """Say which the outputs are, in order."""
        self._mention(operands)
        return self

    def RelaxedExecution(self, isRelaxed: bool) -> Model:
        """Say whether float32 may be computed as float16."""
        self.is_relaxed = bool(isRelaxed)
        return self

    def IntroducedIn(self, version: str | None) -> Model:
        """Say which version must run it; nnhal's drivers say themselves what they run."""
        return self

    def of_kind(self, kind: Kind) -> list[Operand]:
        """The operands of one kind."""
        return [operand for operand in self.operands if operand.kind is kind]

    def sort(self) -> None:
        """Put each operation after those that write what it reads."""
        writers = {output.key: operation for operation in self.operations for output in operation.outputs}
        ordered: list[Operation] = []

        def visit(operation: Operation, path: tuple[Operation, ...]) -> None:
            if operation in path:
                raise LanguageError("its operations are in a circle")
            if operation in ordered:
                return
            for each in operation.inputs:
                if each.key in writers:
                    visit(writers[each.key], (*path, operation))
            ordered.append(operation)

        for operation in self.operations:
            visit(operation, ())
        self.operations = ordered

    def _mention(self, operands: Iterable[Operand]) -> None:
        for operand in operands:
            if operand not in self.operands:
                self.operands.append(operand)
