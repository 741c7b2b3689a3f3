"""Post-training static quantisation, from a float model and samples to a quantised model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hal.device import Progress
from hal.errors import BadDataError
from hal.model import Model
from hal.types import OperandType
from hal.validation import operation_name
from tools.optimization.optimizer import optimized
from tools.quantization.calibration import Calibration, Observation
from tools.quantization.equalization import equalised
from tools.quantization.observing import observed
from tools.quantization.rephrasing import rephrased
from tools.quantization.rules import ENDING, SAME, Plan, Role, StaysFloatError, planned
from tools.quantization.static import Statistics, rewritten
from tools.samples import Sample

_SMALL = 1 << 14
"""Elements that take a CPU no time to speak of."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is quantised.

    ``data_type``: of tensors, TENSOR_QUANT8_ASYMM_SIGNED or TENSOR_QUANT8_ASYMM. ``per_channel``: scales for
    each channel of weights where NNAPI has them. ``float_edges``: inputs and outputs stay float. ``exclude``:
    numbers and names of operations, of the optimised model, that stay float.
    """

    data_type: OperandType = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
    per_channel: bool = True
    calibration: Calibration = Calibration.MSE
    float_edges: bool = True
    correct_biases: bool = True
    equalise: bool = True
    exclude: frozenset[int | str] = frozenset()


class Quantizer:
    """A float model, optimised and with what the samples show of its tensors, to be quantised in one way or more.

    ``model``: the optimised model. ``plans``: of the operations that can be quantised, by number;
    ``reasons``: why the others can't. Raises ``BadDataError`` where there is nothing to quantise.
    """

    def __init__(self, model: Model, samples: Sequence[Sample], options: Options, progress: Progress) -> None:
        self._options = options
        self.model, _ = optimized(rephrased(model, per_channel=options.per_channel))
        self.reasons: dict[int, str]
        self.plans = self._planned()
        if not self.plans:
            reasons = sorted({f"{self.name(number)}: {reason}" for number, reason in self.reasons.items()})
            raise BadDataError(f"the model has nothing to quantise; {'; '.join(reasons)}")
        self._observations = self._observed(samples, progress)
        if options.equalise:
            self.model = equalised(self.model, self._observations)
            self.plans = self._planned()
            self._observations = self._observed(samples, progress)

    def name(self, number: int) -> str:
        """What operation ``number`` is called."""
        return operation_name(self.model.main.operations[number].type)

    def quantised(self, without: Iterable[int] = ()) -> Model:
        """The quantised model; operations ``without`` stay float too."""
        left_out = set(without)
        plans = {number: plan for number, plan in self.plans.items() if number not in left_out}
        observations, options = self._observations, self._options
        statistics = Statistics(
            lambda index: observations[index].range(options.calibration),
            (lambda index: observations[index].means) if options.correct_biases else None,
        )
        return rewritten(self.model, plans, options.data_type, statistics, float_edges=options.float_edges)

    def _planned(self) -> Mapping[int, Plan]:
        main = self.model.main
        excluded = self._options.exclude
        unknown = {each for each in excluded if not self._is_known(each)}
        if unknown:
            raise BadDataError(
                f"the optimised model has no operation {', '.join(map(str, sorted(unknown, key=str)))} to leave float; "
                f"it has numbers 0 to {len(main.operations) - 1}"
            )
        self.reasons = {}
        plans = {}
        for number, operation in enumerate(main.operations):
            if number in excluded or self.name(number) in excluded:
                self.reasons[number] = "it is left float, as asked for"
                continue
            try:
                plans[number] = planned(
                    operation, main.operands, self._options.data_type, per_channel=self._options.per_channel
                )
            except StaysFloatError as error:
                self.reasons[number] = str(error)
        for reason, numbers in (
            ("its results are the model's float outputs, and small: they lose nothing more", self._tail(plans)),
            ("it only moves what is float before and after it", _idle(plans)),
        ):
            for number in numbers:
                del plans[number]
                self.reasons[number] = reason
        return plans

    def _tail(self, plans: Mapping[int, Plan]) -> list[int]:
        """Operations on small tensors that only bring results in form on their way to float outputs."""
        main = self.model.main
        if not self._options.float_edges:
            return []
        readers: dict[int, set[int]] = {}
        for number, operation in enumerate(main.operations):
            for index in operation.inputs:
                readers.setdefault(index, set()).add(number)
        tail: set[int] = set()
        for number, plan in reversed(list(plans.items())):
            small = sum(math.prod(main.operands[index].dimensions) for index in plan.data_inputs) <= _SMALL
            leads_out = all(readers.get(index, set()) <= tail for index in plan.operation.outputs)
            if small and leads_out and plan.operation.type in ENDING:
                tail.add(number)
        return sorted(tail)

    def _is_known(self, excluded: int | str) -> bool:
        operations = range(len(self.model.main.operations))
        return excluded in operations or excluded in {self.name(number) for number in operations}

    def _observed(self, samples: Sequence[Sample], progress: Progress) -> dict[int, Observation]:
        operands = self.model.main.operands
        wanted = {
            index
            for plan in self.plans.values()
            for index in (*plan.data_inputs, *plan.data_outputs)
            if operands[index].value is None
        }
        return observed(self.model, wanted, samples, progress)


def _idle(plans: Mapping[int, Plan]) -> list[int]:
    """The operations that compute nothing, and touch no quantised one that does, not even through others."""
    useful = {number for number, plan in plans.items() if plan.operation.type not in SAME or Role.WEIGHTS in plan.roles}
    touched = {index for number in useful for index in (*plans[number].data_inputs, *plans[number].data_outputs)}
    grew = True
    while grew:
        grew = False
        for number, plan in plans.items():
            tensors = {*plan.data_inputs, *plan.data_outputs}
            if number not in useful and tensors & touched:
                useful.add(number)
                touched |= tensors
                grew = True
    return [number for number in plans if number not in useful]
