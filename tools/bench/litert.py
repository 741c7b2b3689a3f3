"""The other side: LiteRT with its default delegate for CPUs, XNNPACK, in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hal.errors import BadDataError
from runtime.values import Array
from tools.bench.alternating import TIME, Parts
from tools.extras import needs

NAME = "LiteRT"
CALL = "call"
"""The part that takes in the copies of inputs and outputs, which ``TIME`` leaves out for LiteRT."""


class LiteRt:
    """A model of LiteRT's format on the same inputs again and again.

    ``content``: the file's bytes. ``reference``: whether by its slow and simple kernels. Raises ``BadDataError``
    for a model that LiteRT does not take, ``OpFailedError`` where LiteRT is not installed.
    """

    def __init__(self, content: bytes, inputs: Sequence[Array], threads: int, *, reference: bool = False) -> None:
        with needs("bench"):
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        self._inputs = inputs
        try:
            self._interpreter = Interpreter(
                model_content=content, num_threads=threads, experimental_op_resolver_type=resolver
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BadDataError(f"{NAME} does not take the model: {str(error).splitlines()[0]}") from error
        self._places = [each["index"] for each in self._interpreter.get_input_details()]
        self._results = [each["index"] for each in self._interpreter.get_output_details()]
        given = [(tuple(each["shape"]), each["dtype"]) for each in self._interpreter.get_input_details()]
        if given != [(each.shape, each.dtype.type) for each in inputs]:
            raise BadDataError(f"{NAME} sees inputs {given} in the model; ours are other ones")

    def outputs(self) -> list[Array]:
        """What the model computes."""
        self.call()
        return [self._interpreter.get_tensor(index) for index in self._results]

    def call(self) -> Parts:
        """Execute once; ``TIME`` is that of ``invoke`` alone."""
        start = time.perf_counter()
        for index, values in zip(self._places, self._inputs):
            self._interpreter.set_tensor(index, values)
        begin = time.perf_counter()
        self._interpreter.invoke()
        end = time.perf_counter()
        for index in self._results:
            self._interpreter.get_tensor(index)
        return {TIME: end - begin, CALL: time.perf_counter() - start}
