import threading

import pytest

from drivers.simulation.faults import Faults
from hal.errors import BadDataError
from hal.faults import Fault, FaultKind, fault_from_wire, fault_to_wire
from protos.nnhal.v1 import simulation_pb2


def _strikes(faults, kind, events):
    return [index for index in range(1, events + 1) if faults.strike(kind).has(kind)]


def test_at_strikes_once_and_every_again_and_again():
    faults = Faults([Fault(kind=FaultKind.DIE, at=3), Fault(kind=FaultKind.HANG, every=2)])
    struck = [faults.strike(FaultKind.DIE, FaultKind.HANG) for _ in range(6)]
    assert [each.has(FaultKind.DIE) for each in struck] == [False, False, True, False, False, False]
    assert [each.has(FaultKind.HANG) for each in struck] == [False, True] * 3


def test_kinds_are_counted_apart():
    faults = Faults([Fault(kind=FaultKind.REFUSE_CACHE, at=1)])
    assert _strikes(faults, FaultKind.DIE, 3) == []
    assert _strikes(faults, FaultKind.REFUSE_CACHE, 3) == [1]


def test_chance_is_the_seed_s():
    def draw(seed):
        return _strikes(Faults([Fault(kind=FaultKind.DIE, probability=0.25, seed=seed)]), FaultKind.DIE, 1000)

    assert draw(1) == draw(1) != draw(2)
    assert 150 < len(draw(1)) < 350
    assert len(_strikes(Faults([Fault(kind=FaultKind.DIE, probability=1.0)]), FaultKind.DIE, 5)) == 5
    assert _strikes(Faults([Fault(kind=FaultKind.DIE, probability=0.0)]), FaultKind.DIE, 5) == []


def test_setting_counts_from_the_start():
    faults = Faults([Fault(kind=FaultKind.DIE, at=2)])
    faults.strike(FaultKind.DIE)
    faults.set([Fault(kind=FaultKind.DIE, at=2)])
    assert _strikes(faults, FaultKind.DIE, 3) == [2]
    faults.set([])
    assert _strikes(faults, FaultKind.DIE, 3) == []


def test_slow_ones_multiply():
    faults = Faults([Fault(kind=FaultKind.SLOW, every=1, factor=2), Fault(kind=FaultKind.SLOW, every=2, factor=3)])
    assert [faults.strike(FaultKind.SLOW).factor for _ in range(4)] == [2, 6, 2, 6]


def test_setting_lets_those_that_hang_go_on():
    faults = Faults([Fault(kind=FaultKind.HANG, at=1)])
    strike = faults.strike(FaultKind.HANG)
    waiting = threading.Thread(target=strike.cleared.wait)
    waiting.start()
    assert waiting.is_alive()
    faults.set([])
    waiting.join(10)
    assert not waiting.is_alive()
    assert not faults.strike(FaultKind.HANG).cleared.is_set()


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(kind=kind, at=3, factor=2.5 if kind is FaultKind.SLOW else None) for kind in FaultKind),
        Fault(kind=FaultKind.DIE, every=7),
        Fault(kind=FaultKind.DIE, probability=0.0, seed=2**32 - 1),
    ],
)
def test_wire(fault):
    assert fault_from_wire(simulation_pb2.Fault.FromString(fault_to_wire(fault).SerializeToString())) == fault


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (simulation_pb2.Fault(at=1), "kind 0 is unknown; it must be one of DIE, HANG"),
        (simulation_pb2.Fault(kind=99, at=1), "kind 99 is unknown"),
        (simulation_pb2.Fault(kind=1), "exactly one of at, every and probability"),
        (simulation_pb2.Fault(kind=1, at=0), "at is 0"),
        (simulation_pb2.Fault(kind=1, probability=float("nan")), "probability is nan"),
        (simulation_pb2.Fault(kind=3, at=1), "slow needs a factor"),
        (simulation_pb2.Fault(kind=3, at=1, factor=float("inf")), "factor is inf"),
    ],
)
def test_message_that_is_none(message, complaint):
    with pytest.raises(BadDataError, match=complaint):
        fault_from_wire(message)
