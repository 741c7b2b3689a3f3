"""``ANeuralNetworksModel_...``: building models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from runtime.c_api.boundary import implements
from runtime.c_api.c_data import C, content, dimensions, instances, integers, members, raw_bytes, text
from runtime.compilation import get_supported_operations_for_devices as supported_operations
from runtime.model import Model

implements("ANeuralNetworksModel_create")(partial(Model, lenient=True))
implements("ANeuralNetworksModel_finish")(Model.finish)
implements("ANeuralNetworksModel_setOperandValueFromMemory")(Model.set_operand_value_from_memory)
implements("ANeuralNetworksModel_setOperandValueFromModel")(Model.set_operand_value_from_model)
implements("ANeuralNetworksModel_relaxComputationFloat32toFloat16")(Model.relax_computation_float32_to_float16)


@implements("ANeuralNetworksModel_free")
def _free(model: Model) -> None:
    """What refers to the model keeps it."""


@implements("ANeuralNetworksModel_addOperand")
def _add_operand(model: Model, type: C) -> None:
    model.add_operand(type.type, dimensions(type), type.scale, type.zeroPoint)


@implements("ANeuralNetworksModel_setOperandValue")
def _set_operand_value(model: Model, index: int, buffer: C, length: int) -> None:
    model.set_operand_value(index, raw_bytes(buffer, length, "buffer"))


@implements("ANeuralNetworksModel_setOperandSymmPerChannelQuantParams")
def _set_operand_symm_per_channel_quant_params(model: Model, index: int, params: C) -> None:
    scales = members(params.scales, params.scaleCount, "the quantization", "scales")
    model.set_operand_symm_per_channel_quant_params(index, params.channelDim, scales)


@implements("ANeuralNetworksModel_setOperandExtensionData")
def _set_operand_extension_data(model: Model, index: int, data: C, length: int) -> None:
    model.set_operand_extension_data(index, content(data, length, "data"))


@implements("ANeuralNetworksModel_addOperation")
def _add_operation(model: Model, type: int, input_count: int, inputs: C, output_count: int, outputs: C) -> None:
    model.add_operation(type, integers(inputs, input_count, "inputs"), integers(outputs, output_count, "outputs"))


@implements("ANeuralNetworksModel_identifyInputsAndOutputs")
def _identify_inputs_and_outputs(model: Model, input_count: int, inputs: C, output_count: int, outputs: C) -> None:
    model.identify_inputs_and_outputs(
        integers(inputs, input_count, "inputs"), integers(outputs, output_count, "outputs")
    )


@implements("ANeuralNetworksModel_getSupportedOperationsForDevices")
def _get_supported_operations_for_devices(model: Model, devices: C, count: int) -> list[bool]:
    return supported_operations(model, instances("Device", devices, count, "devices"))


def _extension_type(get: Callable[[Model, str, int], int]) -> Callable[[Model, C, int], int]:
    return lambda model, name, code: get(model, text(name), code)


implements("ANeuralNetworksModel_getExtensionOperandType")(_extension_type(Model.get_extension_operand_type))
implements("ANeuralNetworksModel_getExtensionOperationType")(_extension_type(Model.get_extension_operation_type))
