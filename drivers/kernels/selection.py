"""SELECT."""

from __future__ import annotations

from drivers.engine.abi import Anyx1, I8x1, generic
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.tables import requantized
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType


@generic
def select(condition: I8x1, x: Anyx1, y: Anyx1, out: Anyx1, begin: int, end: int) -> None:
    """SELECT: out = x where the condition is true, y elsewhere."""
    for i in range(begin, end):
        first, second = x[i], y[i]  # both are read, so that the loop has no branch
        out[i] = first if condition[i] != 0 else second


@lowers(OperationType.SELECT, data=(OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32))
def _lower_select(builder: Builder, arguments: Arguments) -> None:
    _emit_select(builder, builder.input(1), builder.input(2))


@lowers(OperationType.SELECT, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_select(builder: Builder, arguments: Arguments) -> None:
    wanted = builder.output_spec()
    x, y = (
        requantized(builder, position, spec, wanted)
        for position, spec in enumerate((arguments.input0, arguments.input1), start=1)
    )
    _emit_select(builder, x, y)


def _emit_select(builder: Builder, x: Tensor, y: Tensor) -> None:
    out = builder.output().flat
    builder.emit(select[out.dtype], builder.input(0).flat, x.flat, y.flat, out, work=out.shape[0])
