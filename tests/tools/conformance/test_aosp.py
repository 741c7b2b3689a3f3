"""Android's specifications: what their language means, and that it reaches nothing else."""

from pathlib import Path

import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Lifetime
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.tools.conformance.reference_driver import ReferenceDevice
from tools.conformance.aosp.language import LanguageError
from tools.conformance.aosp.reader import aosp_trials, read_specification
from tools.conformance.modes import Mode
from tools.conformance.trial import Verdict
from tools.conformance.workers import run_trials

ADD = """
i1 = Input("op1", "TENSOR_FLOAT32", "{2}")
i2 = Parameter("op2", "TENSOR_FLOAT32", "{1}", [10.])
o1 = Output("op3", "TENSOR_FLOAT32", "{2}")
Model().Operation("ADD", i1, i2, 0).To(o1)
example = Example({i1: [1., -2.], o1: [11., 8.]})
"""
PLAIN = ADD + "example.DisableLifeTimeVariation()\n"


def read(source):
    """The cases by name, each of which the reference passes."""
    cases = read_specification("V1_2", "spec", source)
    for case in cases:
        (outcome,) = run_trials(ReferenceDevice(), list(trials_of(case)))
        assert outcome.verdict is Verdict.PASSED, (case.name, outcome.reason)
    return {case.name.removeprefix("V1_2/"): case for case in cases}


def trials_of(case):
    from tools.conformance.running import planned

    return planned("aosp", [case], [Mode.COMPUTE])


def operands(case):
    return case.model.main.operands


def test_a_model_and_its_example():
    (case,) = read(PLAIN).values()
    one, ten, activation, output = operands(case)
    assert (one.type, one.dimensions, one.lifetime) == (T.TENSOR_FLOAT32, (2,), Lifetime.SUBGRAPH_INPUT)
    assert (ten.value.tolist(), ten.lifetime) == ([10.0], Lifetime.CONSTANT_COPY)
    assert (activation.type, activation.value.item()) == (T.INT32, 0)
    assert (case.inputs[0].tolist(), case.expected[0].tolist()) == ([1, -2], [11, 8])
    assert (output.lifetime, case.model.main.operations[0].type) == (Lifetime.SUBGRAPH_OUTPUT, O.ADD)


def test_constants_become_inputs_and_inputs_temporaries():
    cases = read(ADD)
    assert list(cases) == [
        "spec", "spec_all_inputs_as_internal", "spec_all_tensors_as_inputs",
        "spec_all_tensors_as_inputs_all_inputs_as_internal",
    ]  # fmt: skip
    assert len(cases["spec_all_tensors_as_inputs"].inputs) == 2
    internal = cases["spec_all_tensors_as_inputs_all_inputs_as_internal"].model.main
    assert [operation.type for operation in internal.operations] == [O.ADD] * 3
    assert internal.operations[2].inputs[:2] == (0, 1)
    assert internal.operands[0].lifetime is Lifetime.TEMPORARY_VARIABLE


def test_constants_that_a_specification_names_become_inputs():
    by_helper = read(PLAIN + "example.AddInput(i2)\n")
    by_name = read(PLAIN + "example.AddVariations(('as_input', [i2]))\n")
    by_converter = read(PLAIN + "example.AddVariations(ParameterAsInputConverter().Identify([i2]))\n")
    for cases in (by_helper, by_name, by_converter):
        assert list(cases) == ["spec", "spec_weight_as_input"]
        assert [values.tolist() for values in cases["spec_weight_as_input"].inputs] == [[1, -2], [10]]
        assert len(cases["spec"].inputs) == 1


def test_types_are_converted_and_values_with_them():
    source = PLAIN + (
        'quant8 = DataTypeConverter().Identify({i1: ("TENSOR_QUANT8_ASYMM", 0.5, 4), i2: ["TENSOR_QUANT8_ASYMM", 0.1],'
        ' o1: ("TENSOR_QUANT8_ASYMM", 0.5, 0)})\n'
        'example.AddVariations("relaxed", "float16", quant8, DataTypeConverter("int32", name="whole"))\n'
    )
    cases = read(source)
    assert list(cases) == ["spec", "spec_relaxed", "spec_float16", "spec_quant8", "spec_whole"]
    assert cases["spec_relaxed"].model.relaxed
    assert {each.type for each in operands(cases["spec_float16"])} == {T.TENSOR_FLOAT16, T.INT32}
    assert cases["spec_whole"].inputs[0].dtype == np.int32
    quantized = cases["spec_quant8"]
    assert (quantized.inputs[0].tolist(), quantized.expected[0].tolist()) == ([6, 0], [22, 16])
    assert (operands(quantized)[0].scale, operands(quantized)[0].zero_point) == (0.5, 4)
    assert (operands(quantized)[1].value.tolist(), operands(quantized)[1].scale) == ([100], 0.1)


def test_scales_by_channel():
    cases = read("""
i = Input("op1", "TENSOR_FLOAT32", "{1, 1, 1, 2}")
f = Parameter("op2", "TENSOR_FLOAT32", "{2, 1, 1, 2}", [1, 2, 3, 4])
b = Parameter("op3", "TENSOR_FLOAT32", "{2}", [1, 2])
o = Output("op4", "TENSOR_FLOAT32", "{1, 1, 1, 2}")
Model().Operation("CONV_2D", i, f, b, 2, 1, 1, 0).To(o)
channel = DataTypeConverter().Identify({
    i: ("TENSOR_QUANT8_ASYMM", 0.5, 0),
    f: ("TENSOR_QUANT8_SYMM_PER_CHANNEL", 0, 0, SymmPerChannelQuantParams(channelDim=0, scales=[0.5, 0.25])),
    b: ("TENSOR_INT32", 0.0, 0, SymmPerChannelQuantParams(channelDim=0, scales=[0.25, 0.125], hide=True)),
    o: ("TENSOR_QUANT8_ASYMM", 0.5, 0),
})
Example({i: [1, 1], o: [4, 9]}).AddVariations(channel, includeDefault=False).DisableLifeTimeVariation()
""")
    (case,) = cases.values()
    assert list(cases) == ["spec_channelQuant8"]
    _, weights, bias, *_ = operands(case)
    assert (weights.value.ravel().tolist(), weights.per_channel.scales) == ([2, 4, 12, 16], (0.5, 0.25))
    assert (bias.value.tolist(), bias.per_channel, bias.type) == ([4, 16], None, T.TENSOR_INT32)


def test_layouts_axes_and_activations():
    cases = read("""
i = Input("op1", "TENSOR_FLOAT32", "{1, 1, 2, 3}")
o = Output("op2", "TENSOR_FLOAT32", "{1, 1, 2, 3}")
layout = BoolScalar("layout", False)
Model("pool").Operation("MAX_POOL_2D", i, 2, 1, 1, 1, 1, Int32Scalar("a", 0), layout).To(o)
Example({i: [1, 2, 3, 4, 5, 6], o: [1, 2, 3, 4, 5, 6]}, name="x").AddNchw(i, o, layout).DisableLifeTimeVariation()

x = Input("x", "TENSOR_FLOAT32", "{2, 3}")
y = Output("y", "TENSOR_FLOAT32", "{2, 3}")
axis = Int32Scalar("axis", -1)
Model("soft").Operation("SOFTMAX", x, 1.0, axis).To(y)
Example({x: [0] * 6, y: [1 / 3] * 6}).AddAllDimsAndAxis(x, y, axis).DisableLifeTimeVariation()

act = Int32Scalar("act", 0)
p = Input("p", "TENSOR_FLOAT32", "{3}")
q = Parameter("q", ("TENSOR_FLOAT32", [1]), [0.0])
r = Output("r", ("TENSOR_FLOAT32", [3]))
Model("act").Operation("ADD", p, q, act).To(r)
Example({p: [-9, 0.5, 9], r: [-9, 0.5, 9]}).AddAllActivations(r, act).DisableLifeTimeVariation()
""")
    assert list(cases) == [
        "spec_pool_x_nhwc", "spec_pool_x_nchw",
        "spec_soft_dim2_axis0", "spec_soft_dim2_axis0_neg", "spec_soft_dim2_axis1", "spec_soft_dim2_axis1_neg",
        "spec_soft_dim1_axis0", "spec_soft_dim1_axis0_neg",
        "spec_act_none", "spec_act_relu", "spec_act_relu1", "spec_act_relu6",
    ]  # fmt: skip
    nchw = cases["spec_pool_x_nchw"]
    assert (nchw.inputs[0].shape, nchw.inputs[0].ravel().tolist()) == ((1, 3, 1, 2), [1, 4, 2, 5, 3, 6])
    assert cases["spec_soft_dim2_axis0"].inputs[0].shape == (3, 2)
    assert [operands(cases[f"spec_soft_dim2_axis{name}"])[2].value.item() for name in ("0", "0_neg", "1", "1_neg")] == [
        0, -2, 1, -1,
    ]  # fmt: skip
    assert cases["spec_soft_dim1_axis0_neg"].inputs[0].shape == (3,)
    assert cases["spec_act_relu6"].expected[0].tolist() == [0, 0.5, 6]


def test_control_flow_and_models_within_models():
    cases = read("""
def Branch(name):
  y = Input("y", ["TENSOR_FLOAT32", [2]])
  z = Output("z", ["TENSOR_FLOAT32", [2]])
  return Model().Operation(name, y, [10.0], 0).To(z)

for value, result in [(True, [11, 12]), (False, [-9, -8])]:
  x = Input("x", ["TENSOR_BOOL8", [1]])
  y = Input("y", ["TENSOR_FLOAT32", [2]])
  z = Output("z", ["TENSOR_FLOAT32", [2]])
  branches = Branch("ADD"), Branch("SUB")
  Model().Operation("IF", x, *branches, y).To(z)
  example = Example({x: [value], y: [1, 2], z: result}, name="%s" % value)
  example.AddVariations("float16", AllOutputsAsInternalCoverter()).DisableLifeTimeVariation()
""")
    assert list(cases) == [
        f"spec_{value}{end}" for value in (True, False) for end in ("", "_float16", "_all_outputs_as_internal")
    ]
    halves = cases["spec_True_float16"].model
    assert [subgraph.operations[0].type for subgraph in halves.referenced] == [O.ADD, O.SUB]
    assert {each.type for subgraph in halves.referenced for each in subgraph.operands} == {T.TENSOR_FLOAT16, T.INT32}


def test_what_is_left_out_ignored_and_random():
    cases = read("""
i = Input("op1", "TENSOR_FLOAT32", "{1, 2}")
none = Parameter("perm", ["TENSOR_INT32", [0]], value=None)
o = IgnoredOutput("op2", "TENSOR_FLOAT32", "{2, 1}")
Model().Operation("TRANSPOSE", i, none).To([o])
Example(({i: [1, 2]}, {o: [0, 0]})).DisableLifeTimeVariation()

logits = Input("logits", "TENSOR_FLOAT32", "{1, 2}")
drawn = Output("drawn", "TENSOR_INT32", "{1, 1000}")
Model("random").Operation("RANDOM_MULTINOMIAL", logits, 1000, [37, 42]).To(drawn)
Example({logits: [0.0, 0.0], drawn: [0] * 1000}).WithMultinomialDistributionTolerance(0.1)
""")
    left_out, drawn = cases.values()
    assert operands(left_out)[1].lifetime is Lifetime.NO_VALUE
    assert left_out.expected == (None,)
    assert drawn.multinomial_tolerance == 0.1


def test_outputs_without_elements():
    cases = read("""
scores = Parameter("scores", "TENSOR_FLOAT32", "{1, 2}", [0.9, 0.1])
boxes = Parameter("boxes", "TENSOR_FLOAT32", "{1, 8}", [1, 1, 9, 9, 0, 0, 9, 9])
kept = Output("kept", "TENSOR_FLOAT32", "{0}")
kept_boxes = Output("kept_boxes", "TENSOR_FLOAT32", "{0, 4}")
classes = Output("classes", "TENSOR_INT32", "{0}")
batches = Output("batches", "TENSOR_INT32", "{0}")
batch = Input("batch", "TENSOR_INT32", "{1}")
Model().Operation("BOX_WITH_NMS_LIMIT", scores, boxes, batch, 0.95, -1, 0, 0.4, 1.0, 0.3).To(
    kept, kept_boxes, classes, batches)
example = Example({batch: [0], kept: [0], kept_boxes: [0], classes: [], batches: [0]})
example.DisableLifeTimeVariation().DisableDynamicOutputShapeVariation()
""")
    (case,) = cases.values()
    assert [values.shape for values in case.expected] == [(0,), (0, 4), (0,), (0,)]


def test_what_must_fail_and_several_examples_of_one_model():
    cases = read_specification("V1_0", "spec", PLAIN + "example.ExpectFailure()\n")
    assert cases[0].must_fail
    source = PLAIN + "Example({i1: [0., 0.], o1: [10., 10.]}).DisableLifeTimeVariation()\n"
    assert list(read(source)) == ["spec", "spec_2"]


def test_shapes_and_quantisation_in_every_spelling():
    cases = read("""
for shape in ["{2}, 0.5f, 7", "{2}, .5, 7", "{ 2 },0.5f,7"]:
  i = Input("i", "TENSOR_QUANT8_ASYMM", shape)
  o = Output("o", ("TENSOR_QUANT8_ASYMM", [2], 0.5, 7))
  Model().Operation("RELU", i).To(o)
  Example({i: [7, 8], o: [7, 8]}).DisableLifeTimeVariation()
""")
    assert [operands(case)[0] for case in cases.values()] == [operands(cases["spec"])[0]] * 3
    assert (operands(cases["spec"])[0].scale, operands(cases["spec"])[0].zero_point) == (0.5, 7)


def test_harmless_modules_are_there():
    read("""
import collections, copy, itertools, math, random
import numpy as np
from functools import reduce
Pair = collections.namedtuple("Pair", ["a", "b"])
random.seed(0)
values = copy.deepcopy(list(np.pad(np.linspace(0, 1, 2), [[1, 1]], "constant")))
random.shuffle(values)
for pair in itertools.product([1], [Pair(4, reduce(max, [1, 4]))]):
  i = Input("i", "TENSOR_FLOAT32", "{%d}" % pair[1].a)
  o = Output("o", "TENSOR_FLOAT32", "{{{}}}".format(pair[1].b))
  Model().Operation("FLOOR", i).To(o)
  Example({i: values, o: [math.floor(value) for value in values]})
""")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os", "it imports os"),
        ("from subprocess import run", "it imports subprocess"),
        ("import numpy as np; np.load('x')", "no attribute 'load'"),
        ("import numpy as np; np.array([1]).tofile('x')", "'tofile' is out of reach"),
        ("open('/etc/passwd')", "name 'open' is not defined"),
        ("eval('1')", "name 'eval' is not defined"),
        ("getattr(1, 'real')", "name 'getattr' is not defined"),
        ("().__class__", "'__class__' is out of reach"),
        ("__builtins__", "'__builtins__' is out of reach"),
        ("(x for x in []).gi_frame.f_back", "is out of reach"),
        ("class A: pass", "a specification has no ClassDef"),
        ("def f(", "it is no Python program"),
        ("1 / 0", "ZeroDivisionError"),
        ("Model().Dance()", "no attribute 'Dance'"),
        ("Operation('ADD')", "name 'Operation' is not defined"),
        (PLAIN + "Example({i1: [1., 2.]})", "an example has no value for 'op3'"),
        (PLAIN + "example.AddVariations('sideways')", "there is no variation 'sideways'"),
        (PLAIN + "example.AddInput(i1)", "op1 is no constant"),
        (PLAIN + "Example({i1: [1., 2., 3.], o1: [1., 2.]})", "cannot reshape"),
        (PLAIN + "Model().Operation('DANCE', i1).To(o1)\nExample({i1: [1., 2.], o1: [1., 2.]})", "DANCE"),
        ("Input('x', 'TENSOR_FLOAT32', 'square')", "the shape 'square' is not understood"),
    ],
)
def test_what_is_not_understood_is_refused(source, reason):
    with pytest.raises(LanguageError, match=reason):
        read_specification("V1_0", "spec", source)


def test_a_tree_of_specifications(tmp_path):
    folder = tmp_path / "packages/modules/NeuralNetworks/runtime/test/specs"
    (folder / "V1_0").mkdir(parents=True)
    (folder / "V1_0" / "add.mod.py").write_text(ADD)
    (folder / "V1_0" / "odd.mod.py").write_text("import antigravity\n")
    (tmp_path / "elsewhere.mod.py").write_text(ADD)
    outcomes = run_trials(ReferenceDevice(), list(aosp_trials(tmp_path, [Mode.COMPUTE, Mode.START_COMPUTE])))
    assert len(outcomes) == 9
    (failed,) = [each for each in outcomes if each.verdict is not Verdict.PASSED]
    assert (failed.trial.name, failed.trial.mode) == ("V1_0/odd.mod.py", "read")
    assert failed.reason == "the specification can't be read: it imports antigravity"


def test_a_folder_without_specifications(tmp_path):
    with pytest.raises(BadDataError, match=r"there is no \.mod\.py file in it"):
        list(aosp_trials(tmp_path, [Mode.COMPUTE]))
    assert Path(tmp_path).is_dir()
