"""TFLite files made by hand, and LiteRT to compare with."""

import pytest

from tests.tools.importers.tflite_writer import Writer


@pytest.fixture
def write(tmp_path):
    """Writes a file of graphs and returns its path."""

    def write_file(*graphs, version=3):
        path = tmp_path / "model.tflite"
        path.write_bytes(Writer().file(graphs, version))
        return path

    return write_file


@pytest.fixture(scope="session")
def litert():
    """Runs a file with LiteRT: with its plain kernels, or with the delegate that it uses by default."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")
    kernels = interpreter.OpResolverType

    def run(path, inputs, delegate=False):
        resolver = kernels.AUTO if delegate else kernels.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        runner = interpreter.Interpreter(str(path), experimental_op_resolver_type=resolver)
        runner.allocate_tensors()
        for details, value in zip(runner.get_input_details(), inputs):
            runner.set_tensor(details["index"], value)
        runner.invoke()
        return [runner.get_tensor(details["index"]) for details in runner.get_output_details()]

    return run
