"""MediaPipe's models, fetched once, and LiteRT to compare with."""

import pytest

from hal.errors import OpFailedError
from tools.models import fetch_models


@pytest.fixture(scope="session")
def models():
    """The path of each model, by name."""
    try:
        return fetch_models()
    except OpFailedError as error:
        pytest.skip(str(error))


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
