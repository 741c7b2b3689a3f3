"""FILL."""

from __future__ import annotations

import numpy as np

from drivers.engine.lowering import Builder, lowers
from drivers.kernels.strided import emit_fill, whole
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType


@lowers(OperationType.FILL, data=(OperandType.FLOAT32, OperandType.INT32))
def _lower_fill(builder: Builder, arguments: Arguments) -> None:
    out = builder.output()
    emit_fill(builder, np.array(arguments.value, out.dtype), whole(out))
