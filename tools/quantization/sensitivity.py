"""Mixed precision: which operations to leave float so that the outputs stay within an error budget.

Each operation is left float by itself, and what that gains is measured. Then the operations that gain most
are left float together, as few of them as are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hal.device import Progress
from hal.errors import BadDataError
from hal.model import Model
from tools import probing
from tools.deviation import deviation
from tools.quantization.quantizer import Quantizer
from tools.quantization.rules import Role
from tools.samples import Sample, real

_SAMPLES = 8
"""So many are enough to tell which operations matter."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The signal to noise of the worst output, in dB, with only this operation left float."""

    number: int
    name: str
    sqnr: float


@dataclass(frozen=True, slots=True)
class Mixed:
    """A model within the budget: the operations left float for it, and what each alone had to do with it.

    ``sqnr``: the model's, of its worst output, in dB.
    """

    model: Model
    left_float: tuple[int, ...]
    sensitivities: tuple[Sensitivity, ...]
    sqnr: float


def within(quantizer: Quantizer, samples: Sequence[Sample], budget: float, progress: Progress) -> Mixed:
    """The quantised model whose outputs all have a signal to noise of ``budget`` dB or more.

    Only products are tried: what is between two that are float follows them. Raises ``BadDataError`` where
    no choice is enough.
    """
    chosen = list(samples[:: max(1, len(samples) // _SAMPLES)])[:_SAMPLES]
    references = list(probing.outputs(quantizer.model, chosen))

    def measured(without: Sequence[int]) -> tuple[Model, float]:
        model = quantizer.quantised(without)
        operands = [model.main.operands[index] for index in model.main.outputs]
        found = [
            [real(array, operand) for array, operand in zip(arrays, operands)]
            for arrays in probing.outputs(model, chosen)
        ]
        return model, min(deviation(one, other).sqnr for one, other in zip(zip(*references), zip(*found)))

    model, sqnr = measured(())
    if sqnr >= budget:
        return Mixed(model, (), (), sqnr)
    products = [number for number, plan in quantizer.plans.items() if Role.WEIGHTS in plan.roles]
    sensitivities = []
    for done, number in enumerate(products):
        progress("trying each operation in float", done, len(products))
        sensitivities.append(Sensitivity(number, quantizer.name(number), measured([number])[1]))
    sensitivities.sort(key=lambda each: -each.sqnr)
    order = [each.number for each in sensitivities]
    few, enough = 0, len(order) - 1  # all of them would leave nothing quantised that is worth it
    best = measured(order[:enough])
    if best[1] < budget:
        raise BadDataError(
            f"the outputs can't be kept within {budget:g} dB: with all products but one left float they have "
            f"{best[1]:.1f} dB; allow more error, or use --scheme float16"
        )
    while enough - few > 1:
        progress("choosing what stays float", few, enough)
        middle = (few + enough) // 2
        tried = measured(order[:middle])
        if tried[1] >= budget:
            enough, best = middle, tried
        else:
            few = middle
    return Mixed(best[0], tuple(sorted(order[:enough])), tuple(sensitivities), best[1])
