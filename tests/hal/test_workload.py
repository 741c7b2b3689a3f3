"""Counts of work, against counts by hand and against the totals that others publish."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hal.counts import COUNTS
from hal.errors import BadDataError, OpFailedError
from hal.model import Lifetime, Operand, Operation, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError
from hal.types import FuseCode, OperandType, OperationType, PaddingCode
from hal.workload import Matrix, nominal_seconds, workload
from tests.support import Input, single
from tools.conformance.generated.operations import operation_case, subjects
from tools.importers import load_model
from tools.models import fetch_models

FIGURES = Path("../shared/reference/mediapipe_models.csv")
SAME, NONE = int(PaddingCode.SAME), int(FuseCode.NONE)


def work_of(operation_type, *arguments):
    model, _ = single(operation_type, *arguments)
    return workload(model.main.operations[0], model.main.operands)


def given(*shape):
    return np.zeros(shape, np.float32).view(Input)


def weights(*shape):
    return np.zeros(shape, np.float32)


def test_the_first_layer_of_mobilenet():
    """MobileNet v1's: 224 x 224 x 3 to 112 x 112 x 32 through 3 x 3, stride 2: 10.8 million MACs."""
    work = work_of(
        OperationType.CONV_2D, given(1, 224, 224, 3), weights(32, 3, 3, 3), weights(32), SAME, 2, 2, int(FuseCode.RELU6)
    )
    assert work.macs == 112 * 112 * 32 * 27 == 10_838_016
    assert work.elements == 112 * 112 * 32
    assert work.arithmetic == 2 * work.elements
    assert work.input_bytes == 224 * 224 * 3 * 4
    assert work.weight_bytes == 4 * (32 * 27 + 32 + 4)  # filter, bias, four scalars
    assert work.output_bytes == 112 * 112 * 32 * 4
    assert work.matrix == Matrix(112 * 112, 27, 32, 1, 3, 3, 2, 2, 224, 224, 3)
    assert work.matrix.macs == work.macs


def test_a_depthwise_layer_of_mobilenet():
    arguments = (given(1, 112, 112, 32), weights(1, 3, 3, 32), weights(32), SAME, 1, 1, 1, NONE)
    work = work_of(OperationType.DEPTHWISE_CONV_2D, *arguments)
    assert work.macs == 112 * 112 * 32 * 9 == 3_612_672
    assert work.arithmetic == 0
    assert work.matrix == Matrix(112 * 112, 9, 1, 32, 3, 3, 1, 1, 112, 112, 32)


def test_a_dilated_convolution_in_nchw_with_explicit_padding():
    """A 3 x 3 filter that reaches over 5: (9 + 1 + 2 - 5) / 2 + 1 = 4 rows, 7 + 0 + 0 - 5 + 1 = 3 columns."""
    paddings, strides = (0, 0, 1, 2), (1, 2)
    arguments = (weights(6, 3, 3, 5), weights(6), *paddings, *strides, NONE, True, 2, 2)
    work = work_of(OperationType.CONV_2D, given(2, 5, 9, 7), *arguments)
    assert work.matrix == Matrix(2 * 4 * 3, 45, 6, 1, 3, 3, 2, 1, 9, 7, 5)
    assert work.macs == 2 * 4 * 3 * 45 * 6


def test_groups_and_turned_around():
    grouped = work_of(
        OperationType.GROUPED_CONV_2D, given(1, 4, 4, 6), weights(8, 1, 1, 3), weights(8), SAME, 1, 1, 2, NONE, False
    )
    assert (grouped.matrix.groups, grouped.matrix.columns, grouped.macs) == (2, 4, 16 * 8 * 3)
    turned = work_of(
        OperationType.TRANSPOSE_CONV_2D,
        *(given(1, 4, 5, 6), weights(8, 3, 2, 6), weights(8), 0, 0, 0, 0, 2, 2, NONE, False),
    )
    assert turned.elements == 9 * 10 * 8
    assert turned.macs == 4 * 5 * 6 * 8 * 3 * 2  # each input value meets each of the filter's once for each channel


def test_products():
    dense = work_of(OperationType.FULLY_CONNECTED, given(2, 3, 8), weights(10, 4), weights(10), NONE)
    assert dense.matrix == Matrix(12, 4, 10, channels=4)
    assert dense.macs == 480
    product = work_of(OperationType.BATCH_MATMUL, given(5, 4, 3), given(5, 2, 4), True, True)
    assert product.matrix == Matrix(3, 4, 2, groups=5, channels=4)
    assert product.macs == 5 * 3 * 4 * 2


def test_recurrent_layers():
    """One step of a cell of u units, n inputs: (n + u) * u a gate."""
    n, u = 3, 4
    rnn = work_of(OperationType.RNN, given(2, n), weights(u, n), weights(u, u), weights(u), given(2, u), NONE)
    assert rnn.macs == 2 * (n + u) * u
    svdf = work_of(OperationType.SVDF, given(2, n), weights(6, n), weights(6, 5), weights(3), given(2, 30), 2, NONE)
    assert svdf.macs == 2 * 6 * (n + 5)


def lstm(dimensions=(2, 3), units=4, output=4, left_out=(), **others):
    """An LSTM over float tensors; what is named in ``left_out`` has no value."""
    operands, (form,) = [], DECLARATIONS[OperationType.LSTM].forms
    size = dimensions[-1]
    for parameter in form[:-4]:
        name = parameter.name
        if name in ("activation", "cell_clip", "projection_clip"):
            scalar = np.array(4, np.int32) if name == "activation" else np.array(0, np.float32)
            operand_type = OperandType.INT32 if name == "activation" else OperandType.FLOAT32
            operands.append(Operand(operand_type, (), lifetime=Lifetime.CONSTANT_COPY, value=scalar))
            continue
        shape = {
            "input": dimensions,
            "output_state": (2, output),
            "cell_state": (2, units),
            "projection_weights": (output, units),
            "projection_bias": (output,),
        }.get(name)
        if shape is None:
            shape = (units, output if "recurrent" in name else size) if name.endswith("weights") else (units,)
            shape = (units,) if name.startswith("cell_to") else shape
        lifetime = Lifetime.NO_VALUE if name in left_out else Lifetime.SUBGRAPH_INPUT
        operands.append(Operand(OperandType.TENSOR_FLOAT32, shape, lifetime=lifetime))
    count = len(operands)
    operands += [Operand(OperandType.TENSOR_FLOAT32, (2, size)) for size in (4 * units, output, units, output)]
    return Operation(OperationType.LSTM, tuple(range(count)), tuple(range(count, count + 4))), operands


def test_lstm_cells():
    peepholes = tuple(f"cell_to_{gate}_weights" for gate in ("input", "forget", "output"))
    projection = ("projection_weights", "projection_bias")
    assert workload(*lstm()).macs == 2 * (4 * 4 * (3 + 4) + 4 * 4)
    without = workload(*lstm(left_out=(*peepholes, *projection)))
    assert without.macs == 2 * 4 * 4 * (3 + 4)
    coupled = ("input_to_input_weights", "recurrent_to_input_weights", "cell_to_input_weights", "input_bias")
    three_gates = workload(*lstm(left_out=(*coupled, *peepholes, *projection)))
    assert three_gates.macs == 2 * 3 * 4 * (3 + 4)
    assert three_gates.arithmetic < without.arithmetic < workload(*lstm()).arithmetic


def test_windows_count_what_they_cover():
    """A 3 x 3 window with SAME padding over 4 x 4 covers 2 + 3 + 3 + 2 each way."""
    arguments = (given(1, 4, 4, 2), SAME, 1, 1, 3, 3, NONE)
    assert work_of(OperationType.MAX_POOL_2D, *arguments).arithmetic == 10 * 10 * 2
    assert work_of(OperationType.AVERAGE_POOL_2D, *arguments).arithmetic == 10 * 10 * 2 + 32


def test_reductions_count_what_they_read():
    work = work_of(OperationType.REDUCE_SUM, given(4, 5, 6), np.array([1]), False)
    assert (work.elements, work.arithmetic, work.output_bytes) == (120, 120, 96)


def test_moves_have_no_arithmetic_and_lookups_read_what_they_take():
    reshaped = work_of(OperationType.RESHAPE, given(4, 6), np.array([24]))
    assert (reshaped.macs, reshaped.arithmetic, reshaped.input_bytes) == (0, 0, 96)
    looked_up = work_of(OperationType.GATHER, given(1000, 4), 0, np.array([3, 5]))
    assert looked_up.input_bytes == looked_up.output_bytes == 32


def test_exponentials_cost_more_than_sums():
    sums = work_of(OperationType.ADD, given(4, 4), given(4, 4), NONE)
    assert sums.arithmetic == 16
    assert work_of(OperationType.EXP, given(4, 4)).arithmetic > 4 * sums.arithmetic


def quantized(scale, zero_point):
    operand_type = OperandType.TENSOR_QUANT8_ASYMM
    return Operand(operand_type, (4,), scale=scale, zero_point=zero_point, lifetime=Lifetime.SUBGRAPH_INPUT)


def test_a_quantised_result_in_other_units_is_rescaled():
    activation = Operand(OperandType.INT32, lifetime=Lifetime.CONSTANT_COPY, value=np.array(0, np.int32))
    operation = Operation(OperationType.ADD, (0, 1, 2), (3,))
    same = workload(operation, [quantized(0.5, 3), quantized(0.5, 3), activation, quantized(0.5, 3)])
    other = workload(operation, [quantized(0.5, 3), quantized(0.5, 3), activation, quantized(0.25, 3)])
    assert same.arithmetic == 4
    assert other.arithmetic > same.arithmetic


def test_control_flow_is_only_the_decision():
    condition = Operand(OperandType.TENSOR_BOOL8, (1,), lifetime=Lifetime.SUBGRAPH_INPUT)
    models = [Operand(OperandType.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=index) for index in (0, 1)]
    tensor = Operand(OperandType.TENSOR_FLOAT32, (1000,), lifetime=Lifetime.SUBGRAPH_INPUT)
    branch = workload(Operation(OperationType.IF, (0, 1, 2, 3), (4,)), [condition, *models, tensor, tensor])
    loop = workload(Operation(OperationType.WHILE, (1, 2, 3), (4,)), [condition, *models, tensor, tensor])
    for work in (branch, loop):
        assert (work.macs, work.arithmetic, work.input_bytes, work.output_bytes) == (0, 1, 0, 0)
        assert nominal_seconds(work) < 2e-6


def test_what_only_the_execution_knows_is_said():
    model, _ = single(OperationType.CONV_2D, given(1, 4, 4, 1), weights(1, 1, 1, 1), weights(1), SAME, 1, 1, NONE)
    operands = list(model.main.operands)
    operands[4] = replace(operands[4], lifetime=Lifetime.SUBGRAPH_INPUT, value=None)
    with pytest.raises(UnknownValueError, match="stride_width"):
        workload(model.main.operations[0], operands)


def test_the_work_of_an_extension_is_unknown():
    with pytest.raises(BadDataError, match="only its driver knows"):
        workload(Operation(0x10001, (), ()), [])


def test_every_declared_operation_has_a_count():
    assert set(COUNTS) == set(DECLARATIONS)


@pytest.mark.parametrize("subject", subjects(), ids=str)
def test_generated_operations_have_work(subject):
    model = operation_case(subject, 1, all_known=True).model
    (operation,) = (each for each in model.main.operations if each.type == subject.operation)
    work = workload(operation, model.main.operands)
    assert work.operation is subject.operation
    assert work.data_type is subject.data_type
    assert work.elements > 0
    assert min(work.macs, work.arithmetic) >= 0
    if work.matrix is not None:
        assert work.matrix.macs == work.macs
    tensors = [model.main.operands[index] for index in operation.outputs]
    assert all(is_tensor(each) or subject.operation is OperationType.RANK for each in tensors)
    assert work.output_bytes == sum(math.prod(each.dimensions) * each.type.dtype.itemsize for each in tensors)
    assert 0 < nominal_seconds(work) < 0.1


def test_totals_of_published_networks():
    if not FIGURES.exists():
        pytest.skip(f"there is no {FIGURES}")
    try:
        models = fetch_models()
    except OpFailedError as error:
        pytest.skip(f"the models can't be fetched: {error}")
    with FIGURES.open() as file:
        rows = [row for row in csv.DictReader(file) if "CUSTOM" not in row["operators"]]
    assert len(rows) > 10
    for row in rows:
        model = load_model(models[row["model"]]).canonical
        total = sum(workload(operation, model.main.operands).macs for operation in model.main.operations)
        assert round(total / 1e6, 1) == float(row["mmac"]), row["model"]
