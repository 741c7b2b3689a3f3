"""Ways of changing a model and the values of its operands."""

# ruff: noqa: N802, N803 -- the language's own names

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tools.conformance.aosp.language import (
    Array,
    Kind,
    LanguageError,
    Model,
    Operand,
    Parameter,
    SubgraphReference,
    Type,
    quantized_type,
)

ACTIVATIONS: Mapping[str, tuple[int, float | None, float | None]] = {
    "none": (0, None, None),
    "relu": (1, 0.0, None),
    "relu1": (2, -1.0, 1.0),
    "relu6": (3, 0.0, 6.0),
}
"""Each fused activation: its number, and the least and greatest result."""

_LIMITS = {
    "TENSOR_QUANT8_ASYMM": (0, 255),
    "TENSOR_QUANT8_ASYMM_SIGNED": (-128, 127),
    "TENSOR_QUANT8_SYMM_PER_CHANNEL": (-127, 127),
    "TENSOR_QUANT16_ASYMM": (0, 65535),
    "UINT32": (0, 2**32 - 1),
}
_ADDABLE = ("TENSOR_FLOAT32", "TENSOR_FLOAT16", "TENSOR_QUANT8_ASYMM", "TENSOR_QUANT8_ASYMM_SIGNED")
_MAXIMUM_ADD_RANK = 4


class SkipVariation(Exception):
    """The variation does not apply to the model."""


class Variation(ABC):
    """A way of changing a model, to be applied to a copy. ``name`` becomes part of the case's name."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.targets: dict[Operand, Any] = {}

    def Identify(self, operands: Any = None) -> Variation:
        """Say which operands it changes: a list, or a dictionary of what each becomes."""
        if isinstance(operands, dict):
            self.targets = dict(operands)
        elif operands is not None:
            self.targets = dict.fromkeys(_flat(operands))
        return self

    @property
    @abstractmethod
    def default_name(self) -> str:
        """What it is called when the specification does not say."""

    def apply(self, model: Model) -> None:
        """Change the model."""
        targets = self.targets or self.found(model)
        for operand in model.operands:
            if operand in targets:
                self.change(operand, targets[operand])
        missing = [operand.name for operand in targets if operand not in model.operands]
        if missing:
            raise LanguageError(f"a variation names {', '.join(missing)}, which the model does not have")

    def found(self, model: Model) -> dict[Operand, Any]:
        """The operands that it changes where the specification names none."""
        return {}

    def change(self, operand: Operand, argument: Any) -> None:
        """Change one of its operands."""
        raise LanguageError(f"a variation '{self.default_name}' changes no operand by itself")


def _flat(operands: Iterable[Any]) -> list[Operand]:
    listed: list[Operand] = []
    for each in operands:
        listed += [each] if isinstance(each, Operand) else _flat(each)
    return listed


class Unchanged(Variation):
    """The model as it is."""

    default_name = ""


class DataTypeConverter(Variation):
    """Other types: those of a dictionary from operands to types, or one for all that is float32."""

    def __init__(
        self,
        targetType: str | None = None,
        name: str | None = None,
        scale: float | None = None,
        zeroPoint: int | None = None,
    ) -> None:
        super().__init__(name)
        if targetType is not None and targetType.lower() not in DATA_TYPES:
            raise LanguageError(f"'{targetType}' is no type to convert to")
        self.target_type = targetType and targetType.lower()
        self.scale = scale
        self.zero_point = zeroPoint

    @property
    def default_name(self) -> str:
        """Named after the type, or after the first of these that occurs."""
        if self.target_type is not None:
            return self.target_type
        types = [argument[0] for argument in self.targets.values() if not isinstance(argument, DataTypeConverter)]
        names = {
            "TENSOR_QUANT8_SYMM_PER_CHANNEL": "channelQuant8",
            "TENSOR_QUANT8_ASYMM": "quant8",
            "TENSOR_QUANT8_ASYMM_SIGNED": "quant8_signed",
            "TENSOR_INT32": "int32",
            "TENSOR_FLOAT16": "float16",
        }
        return next((name for type_name, name in names.items() if type_name in types), "float32")

    def found(self, model: Model) -> dict[Operand, Any]:
        """Everything in float32, in referenced models too."""
        if self.target_type is None:
            return {}
        scalars = None
        tensors: list[Any]
        if self.target_type in _QUANTIZED:
            tensors = [_QUANTIZED[self.target_type], self.scale, self.zero_point]
        else:
            tensors = ["TENSOR_" + self.target_type.upper()]
            scalars = [self.target_type.upper()]
        arguments = {"TENSOR_FLOAT32": tensors, "FLOAT32": scalars, "SUBGRAPH": self}
        return {
            operand: arguments[operand.type.type]
            for operand in model.operands
            if arguments.get(operand.type.type) is not None
        }

    def change(self, operand: Operand, argument: Any) -> None:
        """Give the operand another type, and its values the same meaning in it."""
        if isinstance(argument, DataTypeConverter):
            if not isinstance(operand, SubgraphReference):
                raise LanguageError(f"{operand.name} is no model, and is to be converted as one")
            argument.apply(operand.model)
            return
        name, *rest = argument
        converted = quantized_type(name, operand.type.dimensions, *rest)
        if operand.value is not None and operand.type.size:
            real = _dequantized(operand.array.astype(np.float32), operand.type)
            operand.SetValue(_quantized(real, converted))
        operand.type = converted


_QUANTIZED = {"quant8": "TENSOR_QUANT8_ASYMM", "quant8_signed": "TENSOR_QUANT8_ASYMM_SIGNED"}
DATA_TYPES = ("float16", "int32", *_QUANTIZED)


def _dequantized(values: Array, operand_type: Type) -> Array:
    values = values - np.float32(operand_type.zeroPoint)
    if operand_type.scale != 0:
        values = values * np.float32(operand_type.scale)
    if operand_type.extraParams is not None:
        values = values * operand_type.extraParams.broadcast(len(operand_type.dimensions))
    return values


def _quantized(values: Array, operand_type: Type) -> Array:
    """In float32 as Android's generator computes: it decides where halves go."""
    if operand_type.scale != 0:
        values = values / np.float32(operand_type.scale)
    if operand_type.extraParams is not None:
        values = values / operand_type.extraParams.broadcast(len(operand_type.dimensions))
    values = values + np.float32(operand_type.zeroPoint)
    if operand_type.is_floating:
        return values
    whole = np.round(values).astype(int)
    return np.clip(whole, *_LIMITS[operand_type.type]) if operand_type.type in _LIMITS else whole


class RelaxedModeConverter(Variation):
    """Relaxed computation, or not."""

    def __init__(self, isRelaxed: bool | str = True, name: str | None = None) -> None:
        super().__init__(name)
        self.is_relaxed = isRelaxed is not False

    @property
    def default_name(self) -> str:
        """What it is called."""
        return "relaxed" if self.is_relaxed else "float"

    def apply(self, model: Model) -> None:
        """Change the model."""
        model.is_relaxed = self.is_relaxed


class DataLayoutConverter(Variation):
    """The other layout: of tensors of rank 4, of lists of 4 sizes, and of the flag that tells."""

    def __init__(self, targetLayout: str = "nchw", name: str | None = None) -> None:
        super().__init__(name)
        self.layout = targetLayout.lower()
        self._order = [0, 3, 1, 2] if self.layout == "nchw" else [0, 2, 3, 1]

    @property
    def default_name(self) -> str:
        """What it is called."""
        return self.layout

    def change(self, operand: Operand, argument: Any) -> None:
        """Change one of its operands."""
        dimensions = operand.type.dimensions
        if len(dimensions) == len(self._order):
            if operand.value is not None and operand.type.size:
                operand.SetValue(operand.array.transpose(self._order))
            operand.type = operand.type.shaped(dimensions[axis] for axis in self._order)
        elif len(dimensions) == 1 and operand.value is not None and len(operand.value) == len(self._order):
            operand.SetValue([operand.value[axis] for axis in self._order])
        elif operand.type.type == "BOOL":
            operand.SetValue(self.layout == "nchw")
        else:
            raise LanguageError(f"{operand.name} has no layout to change")


class AxisConverter(Variation):
    """Another axis than ``origin``, in tensors of ``dim`` dimensions of which some are dropped."""

    def __init__(self, origin: int, target: int, dim: int, drop: Any = (), name: str | None = None) -> None:
        super().__init__(name)
        self.target = target
        self.rank = dim
        self.dropped = sorted(axis % dim for axis in ([drop] if isinstance(drop, int) else drop))
        self._order = list(range(dim))
        self._order.insert(target % dim, self._order.pop(origin))

    @property
    def default_name(self) -> str:
        """Named after the dimensions that are left, and the axis among them."""
        axis = self.target % self.rank
        axis -= sum(each < axis for each in self.dropped)
        return f"dim{self.rank - len(self.dropped)}_axis{axis}{'' if self.target >= 0 else '_neg'}"

    def change(self, operand: Operand, argument: Any) -> None:
        """Change one of its operands."""
        if operand.type.type == "INT32":
            before = sum(each < self.target for each in self.dropped)
            after = sum(each > self.target + self.rank for each in self.dropped)
            operand.SetValue(self.target - before if self.target >= 0 else self.target + after)
            return
        if len(operand.type.dimensions) != self.rank:
            raise LanguageError(f"{operand.name} has not the {self.rank} dimensions that a variation of axes is about")
        if operand.value is not None:
            values = operand.array.transpose(self._order)
            for axis in reversed(self.dropped):
                values = np.take(values, 0, axis=axis)
            operand.SetValue(values)
        dimensions = [operand.type.dimensions[axis] for axis in self._order]
        operand.type = operand.type.shaped(size for axis, size in enumerate(dimensions) if axis not in self.dropped)


class ActivationConverter(Variation):
    """A fused activation: its number, and what it makes of the output's values."""

    def __init__(self, act: str = "relu", name: str | None = None) -> None:
        super().__init__(name)
        self.activation = act.lower()

    @property
    def default_name(self) -> str:
        """What it is called."""
        return self.activation

    def change(self, operand: Operand, argument: Any) -> None:
        """Change one of its operands."""
        number, low, high = ACTIVATIONS[self.activation]
        if operand.type.type == "INT32":
            operand.SetValue(number)
            return
        values = operand.array
        if low is not None:
            values = np.maximum(values, _quantized(np.array(low), operand.type))
        if high is not None:
            values = np.minimum(values, _quantized(np.array(high), operand.type))
        operand.SetValue(values)


class ParameterAsInputConverter(Variation):
    """Some constants as inputs of the model."""

    default_name = "weight_as_input"

    def change(self, operand: Operand, argument: Any) -> None:
        """Change one of its operands."""
        if operand.kind is not Kind.PARAMETER:
            raise LanguageError(f"{operand.name} is no constant, and is to become an input as one")
        operand.kind = Kind.INPUT


class AllTensorsAsInputsConverter(Variation):
    """Every constant tensor as an input of the model."""

    default_name = "all_tensors_as_inputs"

    def apply(self, model: Model) -> None:
        """Change the model."""
        constants = [
            operand
            for operand in model.of_kind(Kind.PARAMETER)
            if type(operand) is Parameter and not operand.type.is_scalar and operand.value is not None
        ]
        if len(model.operations) != 1 or not constants:
            raise SkipVariation
        for operand in constants:
            operand.kind = Kind.INPUT


class AllInputsAsInternalCoverter(Variation):
    """Every input as a temporary, which an ADD of 0 writes."""

    default_name = "all_inputs_as_internal"

    def apply(self, model: Model) -> None:
        """Change the model."""
        inputs = [each for each in model.of_kind(Kind.INPUT) if _is_addable(each) and each.may_be_internal]
        if len(model.operations) != 1 or not inputs:
            raise SkipVariation
        for operand in inputs:
            outer = Operand(f"{operand.name}_new", Kind.INPUT, operand.type, operand.value)
            model.Operation("ADD", outer, _zero(operand.type), 0).To(operand)
            operand.kind, operand.value = Kind.INTERNAL, None


class AllOutputsAsInternalCoverter(Variation):
    """Every output as a temporary, which an ADD of 0 reads."""

    default_name = "all_outputs_as_internal"

    def apply(self, model: Model) -> None:
        """Change the model."""
        outputs = [each for each in model.of_kind(Kind.OUTPUT) if _is_addable(each)]
        if len(model.operations) != 1 or not outputs:
            raise SkipVariation
        for operand in outputs:
            outer = Operand(f"{operand.name}_new", Kind.OUTPUT, operand.type, operand.value)
            model.Operation("ADD", operand, _zero(operand.type), 0).To(outer)
            operand.kind, operand.value = Kind.INTERNAL, None


def _is_addable(operand: Operand) -> bool:
    return len(operand.type.dimensions) <= _MAXIMUM_ADD_RANK and bool(operand.value) and operand.type.type in _ADDABLE


def _zero(operand_type: Type) -> Parameter:
    return Parameter(
        "placeholder", (operand_type.type, [1], operand_type.scale, operand_type.zeroPoint), [operand_type.zeroPoint]
    )


def implied_variation(value: Any) -> Variation:
    """The variation that a name stands for, or a name followed by the operands that it changes."""
    if isinstance(value, Variation):
        return value
    name, *operands = value if isinstance(value, (list, tuple)) else [value]
    variation: Variation
    if name.lower() in DATA_TYPES:
        variation = DataTypeConverter(name)
    elif name.lower() == "relaxed":
        variation = RelaxedModeConverter()
    elif name.lower() in ("nhwc", "nchw"):
        variation = DataLayoutConverter(name)
    elif name.lower() in ACTIVATIONS:
        variation = ActivationConverter(name)
    elif name.lower() == "as_input":
        variation = ParameterAsInputConverter()
    else:
        raise LanguageError(f"there is no variation '{name}'")
    return variation.Identify(*operands) if operands else variation
