"""Running models so that what is inside can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hal.model import Model
from hal.operations.declaration import Array
from runtime import model as runtime_model
from runtime.compiled import compile_model
from runtime.submodels import submodel
from tools.samples import Sample, stored


def exposing(model: Model, operands: Sequence[int]) -> Model:
    """The model with these operands of its main subgraph, each written by an operation, as its outputs."""
    main = model.main
    return submodel(model, main, range(len(main.operations)), main.inputs, operands)


def outputs(model: Model, samples: Iterable[Sample], device: str = "cpu") -> Iterator[list[Array]]:
    """The outputs of a valid model for each of ``samples``, on one device."""
    inputs = [model.main.operands[index] for index in model.main.inputs]
    with compile_model(runtime_model.Model.from_canonical(model), [device]) as compiled:
        for sample in samples:
            yield compiled.run(stored(sample, inputs))
