"""A model measured from end to end."""

import numpy as np
import pytest

from hal.errors import UnavailableDeviceError
from hal.model import Model
from hal.types import OperationType as O
from runtime.model import Model as RuntimeModel
from tests.driver_processes import driver_processes
from tests.networks import Network
from tests.tools.quantization.networks import residual, samples
from tools.bench import model as bench
from tools.bench.alternating import TIME
from tools.bench.engine import idle_execution
from tools.bench.litert import CALL
from tools.bench.model import Plan
from tools.bench.ours import fresh_driver
from tools.quantization import quantize

MACS = 8 * 8 * (9 * 3 * 6 + 9 * 6)


def measure(model: Model, path, *, mode="burst", threads=1, against=True):
    plan = Plan("cpu", threads, mode, against, 0.1)
    return bench.measure(path, RuntimeModel.from_canonical(model), plan, lambda *news: None)


@pytest.mark.parametrize(("mode", "threads"), [("burst", 1), ("rpc", 2)])
def test_both_sides_compute_the_same(tmp_path, mode, threads):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    found = measure(residual(), tmp_path / "net.nnhal", mode=mode, threads=threads)
    assert (found.failure, found.refusal) == ("", "")
    assert found.agreement.holds
    assert found.ratio == found.ours[TIME].median / found.theirs[TIME].median
    assert found.theirs[CALL].median > found.theirs[TIME].median
    assert found.work.operations == 2 * MACS
    assert not found.quantised
    split = found.split
    assert split.transport > 0
    assert 0 < split.engine < split.computing + split.transport
    assert split.transport + split.computing == pytest.approx(found.ours[TIME].median)


def test_a_quantised_model(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    small, _ = quantize(RuntimeModel.from_canonical(residual()), samples(4, 1, 8, 8, 3))
    found = measure(small.canonical, tmp_path / "net.nnhal")
    assert found.quantised
    assert found.agreement.holds
    assert found.ratio is not None


def test_what_the_other_side_does_not_take_is_told(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    network = Network()
    model = network.model(network.apply(O.SIN, network.input(2, 3)))
    found = measure(model, tmp_path / "net.nnhal")
    assert "operation 0 (SIN) has no mapping to TFLite" in found.refusal
    assert found.ours is not None
    assert found.theirs is found.ratio is None


def test_what_goes_wrong_on_our_side_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "alternated", _dying(bench.alternated))
    found = measure(residual(), tmp_path / "net.nnhal", against=False)
    assert found.failure.startswith("DEAD_OBJECT: the driver 'cpu'")
    assert found.ours is None


def _dying(alternated):
    """The same, with a driver that is killed before."""

    def measured(contenders, seconds, progress):
        newest = driver_processes()[-1]
        newest.kill()
        newest.wait()
        return alternated(contenders, seconds, progress)

    return measured


def test_a_driver_is_told_its_number_of_threads():
    with fresh_driver("cpu", 2) as (device, process):
        assert device.info.name == "cpu"
        assert process == driver_processes()[-1].pid
    with pytest.raises(UnavailableDeviceError, match="NNHAL_CPU_THREADS is '257'"), fresh_driver("cpu", 257):
        pass


@pytest.mark.parametrize("mode", ["burst", "rpc"])
def test_doing_nothing_takes_less_than_computing(mode):
    network = Network()
    big = network.model(network.apply(O.TANH, network.input(1000, 1000)))
    image = np.zeros((1000, 1000), np.float32)
    idle = idle_execution(big, "cpu", [image], 1, mode)
    times = [idle()[TIME] for _ in range(20)]
    # a million hyperbolic tangents take milliseconds; a walk over one command some microseconds
    assert min(times) < 1e-3
