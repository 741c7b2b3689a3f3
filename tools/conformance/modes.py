"""The ways of executing a case that the API offers; each must give the same answer."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np

from hal.model import Operand, Subgraph
from hal.types import OperandType, OperationType
from tools.conformance.case import Array, Case

_UNSIGNED, _SIGNED = OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED
_OFFSET = 128

_SEE_STORED_VALUES = frozenset(
    {
        OperationType.CAST,  # takes no notice of scale and zero point
        OperationType.HASHTABLE_LOOKUP,  # its hits are 8-bit numbers used as booleans
        OperationType.LSH_PROJECTION,  # hashes bytes
        OperationType.PAD_V2,  # its padding is given as the stored number
        OperationType.QUANTIZED_16BIT_LSTM,  # has no signed form
    }
)
"""Operations whose answer is another one when what is stored changes; Android leaves them out as well."""


class Mode(Enum):
    """One way of executing."""

    COMPUTE = "compute"
    START_COMPUTE = "start_compute"
    FENCED = "fenced"
    REUSABLE = "reusable"
    BURST = "burst"
    DEVICE_MEMORY = "device_memory"
    UNSPECIFIED_OUTPUTS = "unspecified_outputs"
    WEIGHTS_IN_MEMORY = "weights_in_memory"
    SIGNED = "signed"


def adapted(case: Case, mode: Mode) -> Case | None:
    """The case as ``mode`` executes it; None where the mode does not apply to it."""
    if mode is not Mode.SIGNED:
        return case
    if not case.operation_types.isdisjoint(_SEE_STORED_VALUES):
        return None
    subgraphs = (case.model.main, *case.model.referenced)
    types = {operand.type for subgraph in subgraphs for operand in subgraph.operands}
    quantized = {each for each in types if isinstance(each, OperandType) and each.has_scale}
    if quantized != {_UNSIGNED} or OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL in types:
        return None
    main = case.model.main
    model = replace(
        case.model, main=_signed(main), referenced=tuple(_signed(subgraph) for subgraph in case.model.referenced)
    )
    return replace(
        case,
        model=model,
        inputs=tuple(_shifted(main.operands[index], value) for index, value in zip(main.inputs, case.inputs)),
        expected=case.expected
        and tuple(_shifted(main.operands[index], value) for index, value in zip(main.outputs, case.expected)),
    )


def _signed(subgraph: Subgraph) -> Subgraph:
    operands = tuple(
        replace(operand, type=_SIGNED, zero_point=operand.zero_point - _OFFSET, value=_shifted(operand, operand.value))
        if operand.type is _UNSIGNED
        else operand
        for operand in subgraph.operands
    )
    return replace(subgraph, operands=operands)


def _shifted(operand: Operand, value: Array | None) -> Array | None:
    if operand.type is not _UNSIGNED or value is None:
        return value
    return (value.astype(np.int16) - _OFFSET).astype(np.int8)
