"""PyTorch lowers to the backend that we register, and gets the converter's results."""

import pytest

pytestmark = [
    pytest.mark.slow,  # a C++ compiler at work on PyTorch's headers
    pytest.mark.filterwarnings("ignore"),  # PyTorch's about TorchScript
]

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'nnhal[torch]'")


@pytest.fixture(scope="module")
def lowered():
    """Lowers a module for inputs like those given."""
    import ctypes

    from runtime.c_api.build import build
    from tools.pytorch import load_backend

    ctypes.CDLL(str(build().path))  # as if it were on the loader's path
    load_backend()

    def lower(module, specification, inputs):
        with torch.no_grad():
            traced = torch.jit.trace(module.eval(), inputs)
            return torch._C._jit_to_backend("nnapi", traced, specification)

    return lower


@pytest.mark.parametrize("listed", [False, True])
def test_one_input(lowered, monkeypatch, listed):
    monkeypatch.setenv("NNHAL_DEVICES", "cpu")
    module, x = torch.nn.PReLU(), torch.tensor([1.0, -1.0, 2.0, -2.0]).reshape(1, 4, 1, 1)
    found = lowered(module, {"forward": {"inputs": [x] if listed else x}}, [x])
    with torch.no_grad():
        torch.testing.assert_close(found.forward(x), module(x))
        torch.testing.assert_close(found.forward(-x), module(-x))


def test_two_inputs_and_outputs(lowered, monkeypatch):
    class Both(torch.nn.Module):
        def forward(self, x, y):
            return x + y, x - y

    monkeypatch.setenv("NNHAL_DEVICES", "cpu")
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])
    found = lowered(Both(), {"forward": {"inputs": [x, y]}}, [x, y])
    torch.testing.assert_close(found.forward(x, y), (x + y, x - y))


def test_it_can_be_saved(lowered, monkeypatch, tmp_path):
    monkeypatch.setenv("NNHAL_DEVICES", "cpu")
    x = torch.randn(1, 4, 2, 2)
    module = torch.nn.Conv2d(4, 3, 1)
    path = tmp_path / "lowered.pt"
    lowered(module, {"forward": {"inputs": x}}, [x]).save(str(path))
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.load(str(path)).forward(x), module(x))


@pytest.mark.parametrize(
    "specification",
    [{"backward": {"inputs": None}}, {"forward": 1}, {"forward": {"other": 1}}, {"forward": {"inputs": [1]}}],
)
def test_wrong_specifications(lowered, specification):
    x = torch.zeros(2)
    with pytest.raises(Exception, match="it must be"):
        lowered(torch.nn.ReLU(), specification, [x])
