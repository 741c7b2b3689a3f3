"""One pass over the samples that notices what values each tensor takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hal.device import Progress
from hal.errors import BadDataError
from hal.model import Model
from hal.types import OperationType
from tools import probing
from tools.quantization.calibration import Observation
from tools.samples import Sample


def observed(
    model: Model, operands: Iterable[int], samples: Sequence[Sample], progress: Progress
) -> dict[int, Observation]:
    """What the CPU device says of these operands of a float model's main subgraph, for all samples.

    Raises ``BadDataError`` where one is not a finite number.
    """
    main = model.main
    wanted = set(operands)
    observations = {index: Observation() for index in wanted}
    for position, index in enumerate(main.inputs):
        if index in wanted:
            for sample in samples:
                observations[index].add(sample[position].astype(np.float32))
    computed = [index for operation in main.operations for index in operation.outputs if index in wanted]
    producers = {index: operation.type for operation in main.operations for index in operation.outputs}
    exposed = probing.exposing(model, computed)
    for done, outputs in enumerate(probing.outputs(exposed, samples)):
        progress("calibrating", done, len(samples))
        for index, values in zip(computed, outputs):
            if not np.isfinite(values).all():
                name = OperationType(producers[index]).name
                raise BadDataError(
                    f"sample {done} makes operand {index}, a result of {name}, infinite or NaN; "
                    "its range can't be known: leave the sample out, or the operation float"
                )
            observations[index].add(values.astype(np.float32))
    return observations
