import importlib.metadata

import pytest

from protos.generate import ROOT, generate


def test_stubs_are_current(tmp_path):
    generate(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.glob("**/*.py*"))
    assert made, "nothing was generated"
    for path in made:
        assert (tmp_path / path).read_text() == (ROOT / path).read_text(), f"{path}: run `make protos`"


@pytest.mark.parametrize("package", ["grpcio", "protobuf"])
def test_declared_requirement_covers_what_the_stubs_ask_for(package):
    requirements = importlib.metadata.requires("nnhal")
    (declared,) = [each for each in requirements if each.startswith(package + ">=")]
    stubs = "".join(path.read_text() for path in ROOT.glob("protos/**/*_pb2*.py"))
    version = declared.removeprefix(package + ">=")
    asked = {"grpcio": f"GRPC_GENERATED_VERSION = '{version}'", "protobuf": f"Protobuf Python Version: {version}"}
    assert asked[package] in stubs
