"""What LiteRT's quantiser is given computes what MediaPipe's file computes."""

import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from hal.errors import BadDataError
from tools import crops
from tools.benchmarks.litert_input import SIGNATURE, FloatFile

Code = schema.BuiltinOperator


def outputs(content):
    """Each output for the same random image."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    values = np.random.default_rng(0).random(image["shape"]).astype(np.float32)
    interpreter.set_tensor(image["index"], values)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]).copy() for detail in interpreter.get_output_details()]


def operators(content):
    """The code of each operator, as files without the older field tell it."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    (graph,) = model.subgraphs
    return [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]


@pytest.mark.parametrize("name", crops.MODELS)
def test_outputs_stay_the_same_to_the_bit(name, models):
    content = models[name].read_bytes()
    for before, after in zip(outputs(content), outputs(FloatFile(content).content), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", crops.MODELS)
def test_all_operators_are_float_and_tflite_s_own(name, models):
    codes = operators(FloatFile(models[name].read_bytes()).content)
    assert not {Code.DEQUANTIZE, Code.CUSTOM} & set(codes)
    assert Code.CONV_2D in codes


@pytest.mark.parametrize("name", ["selfie_segmentation", "face_detection_short_range"])
def test_relus_are_fused(name, models):
    content = models[name].read_bytes()
    assert Code.RELU not in operators(FloatFile(content).content)


def test_the_network_can_be_called_by_its_signature(models):
    interpreter = Interpreter(model_content=FloatFile(models["face_landmark"].read_bytes()).content)
    assert list(interpreter.get_signature_list()) == [SIGNATURE]


def test_what_only_brings_outputs_in_form_is_found(models):
    ending = FloatFile(models["hand_landmark_lite"].read_bytes()).ending
    assert sorted(ending) == ["Identity_1", "Identity_2"]
    ending = FloatFile(models["face_detection_short_range"].read_bytes()).ending
    assert {"regressors", "classificators"} < set(ending)
    assert len(ending) == 6  # each output is put together from two, which are given another shape
    assert FloatFile(models["face_landmark"].read_bytes()).ending == []


def test_another_custom_operator_is_refused(models):
    model = flatbuffer_utils.read_model(str(models["selfie_segmentation"]))
    for code in model.operatorCodes:
        if code.customCode:
            code.customCode = b"Mystery"
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(BadDataError, match=re.escape("'Mystery' is a custom operator")):
        FloatFile(content)
