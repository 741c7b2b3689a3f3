"""LiteRT's reference kernels, which quantised results are compared with bit for bit."""

import pytest

from tests.tools.importers.tflite_writer import Writer


def reference_outputs(graph, inputs):
    """What LiteRT computes of ``inputs`` by ``graph``; skips the test where LiteRT is not installed."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")
    runner = interpreter.Interpreter(
        model_content=Writer().file([graph]),
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )
    runner.allocate_tensors()
    for detail, values in zip(runner.get_input_details(), inputs):
        runner.set_tensor(detail["index"], values)
    runner.invoke()
    return [runner.get_tensor(detail["index"]) for detail in runner.get_output_details()]
