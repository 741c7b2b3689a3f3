"""Examples of models, as a specification declares them."""

# ruff: noqa: N802, N803 -- the language's own names

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.conformance.aosp.language import Kind, LanguageError, Model, Operand
from tools.conformance.aosp.variations import (
    ACTIVATIONS,
    ActivationConverter,
    AxisConverter,
    DataLayoutConverter,
    ParameterAsInputConverter,
    RelaxedModeConverter,
    Unchanged,
    Variation,
    implied_variation,
)

Feed = tuple[dict[Operand, Any], dict[Operand, Any]]
"""The values of a model's inputs, and of its outputs."""


class Example:
    """Values for a model, and the variations of both that are to be tried as well.

    ``declared``: where each new example is added. ``models``: those declared so far.
    """

    declared: list[Example]
    models: list[Model]

    def __init__(self, *feeds: Any, model: Model | None = None, name: str | None = None) -> None:
        self.model = model or self.models[-1]
        self.name = name
        self.multinomial_tolerance = 0.0
        self.must_fail = False
        self.varies_lifetimes = True
        self.feeds: list[Feed] = [self._feed(feed) for feed in feeds]
        self.variations: list[list[Variation]] = []
        self.declared.append(self)

    def _feed(self, feed: Any) -> Feed:
        if isinstance(feed, (list, tuple)):
            inputs, outputs = feed
            return dict(inputs), dict(outputs)
        return (
            {operand: _given(feed, operand) for operand in self.model.of_kind(Kind.INPUT)},
            {operand: _given(feed, operand) for operand in self.model.of_kind(Kind.OUTPUT)},
        )

    @staticmethod
    def SetVersion(version: str | None, *names: str) -> None:
        """Say which version must run the cases of these names."""

    def AddVariations(self, *variations: Any, includeDefault: bool = True, defaultName: str | None = None) -> Example:
        """Try each of these, in every combination with those added before and after."""
        first: list[Variation] = [Unchanged(defaultName)] if includeDefault else []
        self.variations.append(first + [implied_variation(each) for each in variations])
        return self

    def AddNchw(self, *operands: Any, includeDefault: bool = True, defaultName: str = "nhwc") -> Example:
        """Try the other layout."""
        return self.AddVariations(
            DataLayoutConverter("nchw").Identify(operands), includeDefault=includeDefault, defaultName=defaultName
        )

    def AddInput(self, *operands: Any, includeDefault: bool = True, defaultName: str | None = None) -> Example:
        """Try it with these constants as inputs."""
        return self.AddVariations(
            ParameterAsInputConverter().Identify(operands), includeDefault=includeDefault, defaultName=defaultName
        )

    def AddRelaxed(
        self, isRelaxed: bool = True, includeDefault: bool = True, defaultName: str | None = None
    ) -> Example:
        """Try it relaxed."""
        return self.AddVariations(
            RelaxedModeConverter(isRelaxed), includeDefault=includeDefault, defaultName=defaultName
        )

    def AddRelu(self, *operands: Any, includeDefault: bool = True, defaultName: str | None = None) -> Example:
        """Try it with RELU."""
        return self.AddVariations(
            ActivationConverter("relu").Identify(operands), includeDefault=includeDefault, defaultName=defaultName
        )

    def AddAllActivations(self, *operands: Any) -> Example:
        """Try it with every activation."""
        converters = [ActivationConverter(name).Identify(operands) for name in sorted(ACTIVATIONS)]
        return self.AddVariations(*converters, includeDefault=False)

    def AddAxis(
        self, axis: Any, *operands: Operand, includeDefault: bool = True, defaultName: str | None = None
    ) -> Example:
        """Try it along other axes."""
        origin, rank = _origin_and_rank(operands)
        axes = [(origin, each, ()) for each in ([axis] if isinstance(axis, int) else axis)]
        return self._along(axes, rank, operands, includeDefault, defaultName)

    def AddAllPositiveAxis(self, *operands: Operand) -> Example:
        """Try it along every axis."""
        origin, rank = _origin_and_rank(operands)
        return self._along([(origin, each, ()) for each in range(rank)], rank, operands)

    def AddAllAxis(self, *operands: Operand) -> Example:
        """Try it along every axis, counted from the first and from the last."""
        origin, rank = _origin_and_rank(operands)
        return self._along([(origin, each, ()) for each in range(-rank, rank)], rank, operands)

    def AddDims(
        self, dims: Any, *operands: Operand, includeDefault: bool = True, defaultName: str | None = None
    ) -> Example:
        """Try it with fewer dimensions."""
        origin, rank = _origin_and_rank(operands)
        others = [each for each in range(rank) if each != origin]
        wanted = [dims] if isinstance(dims, int) else dims
        axes = [(origin, origin, others[: rank - each]) for each in wanted]
        return self._along(axes, rank, operands, includeDefault, defaultName)

    def AddAllDims(self, *operands: Operand) -> Example:
        """Try it with every number of dimensions."""
        origin, rank = _origin_and_rank(operands)
        others = [each for each in range(rank) if each != origin]
        return self._along([(origin, origin, others[:each]) for each in range(rank)], rank, operands)

    def AddAllDimsAndPositiveAxis(self, *operands: Operand) -> Example:
        """Try it with every number of dimensions, along every axis."""
        origin, rank = _origin_and_rank(operands)
        axes = [(origin, axis, range(drop)) for drop in range(rank) for axis in range(drop, rank)]
        return self._along(axes, rank, operands)

    def AddAllDimsAndAxis(self, *operands: Operand) -> Example:
        """Try it with every number of dimensions, along every axis, counted from the first and from the last."""
        origin, rank = _origin_and_rank(operands)
        axes = [
            (origin, counted, range(drop))
            for drop in range(rank)
            for axis in range(drop, rank)
            for counted in (axis, axis - rank)
        ]
        return self._along(axes, rank, operands)

    def _along(
        self,
        axes: Iterable[tuple[int, int, Sequence[int]]],
        rank: int,
        operands: Sequence[Operand],
        includeDefault: bool = False,
        defaultName: str | None = None,
    ) -> Example:
        converters = [AxisConverter(origin, axis, rank, drop).Identify(operands) for origin, axis, drop in axes]
        return self.AddVariations(*converters, includeDefault=includeDefault, defaultName=defaultName)

    def WithMultinomialDistributionTolerance(self, expectedTolerance: float) -> Example:
        """Say that the output is drawn at random, and how far its frequencies may be off."""
        self.multinomial_tolerance = float(expectedTolerance)
        return self

    def ExpectFailure(self) -> Example:
        """Say that compiling or executing must fail."""
        self.must_fail = True
        return self

    def DisableLifeTimeVariation(self) -> Example:
        """Say that constants are to stay constants and inputs inputs."""
        self.varies_lifetimes = False
        return self

    def DisableDynamicOutputShapeVariation(self) -> Example:
        """Say that the outputs' dimensions are to stay known; no case here leaves out any that are."""
        return self


def _given(feed: Mapping[Operand, Any], operand: Operand) -> Any:
    if operand not in feed:
        raise LanguageError(f"an example has no value for '{operand.name}'")
    return feed[operand]


def _origin_and_rank(operands: Sequence[Operand]) -> tuple[int, int]:
    """The axis that an INT32 among the operands names, by default the last, and the others' rank."""
    origin, rank = None, None
    for operand in operands:
        if operand.type.type == "INT32" and operand.value:
            origin = operand.value[0]
        else:
            rank = len(operand.type.dimensions)
    if rank is None:
        raise LanguageError("a variation of axes names no tensor")
    return (rank - 1 if origin is None else origin % rank), rank
