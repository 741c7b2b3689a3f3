import numpy as np
import pytest

from drivers.cpu.description import CpuDescription
from drivers.simulation.description import parse
from drivers.simulation.estimate import Activity, Schedule, graph, works
from drivers.simulation.timeline import timeline
from hal.model import Lifetime, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType
from tests import descriptions
from tests.support import FLOAT, constant

RELU, ADD = OperationType.RELU, OperationType.ADD


def _chain(dimensions, inner=()):
    """RELU, then the result plus a constant; what lies between has the dimensions ``inner``."""
    operands = (
        Operand(FLOAT, dimensions, lifetime=Lifetime.SUBGRAPH_INPUT),
        Operand(FLOAT, inner),
        constant(np.ones(3)),
        constant(0),
        Operand(FLOAT, inner, lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    return Subgraph(operands, (Operation(RELU, (0,), (1,)), Operation(ADD, (1, 2, 3), (4,))), (0,), (4,))


def test_dimensions_follow_from_the_inputs():
    found = graph(_chain((2, 3)), [(2, 3)])
    assert [found.subgraph.operands[index].dimensions for index in (1, 4)] == [(2, 3), (2, 3)]
    assert [work.operation for work in found.works] == [RELU, ADD]
    assert found.last_use == {0: 0, 1: 1, 2: 1, 3: 1, 4: 2}
    assert [found.bytes_of(index) for index in range(5)] == [24, 24, 12, 4, 24]
    assert found.weight_bytes == 16


def test_dimensions_of_an_execution():
    assert graph(_chain((0, 3)), [(0, 3)]) is None
    assert graph(_chain((0, 3)), [(5, 3)]).bytes_of(4) == 60


def test_inputs_that_will_not_fit_have_no_estimate():
    _, found = works(_chain((2, 4)), [(2, 4)])
    assert found[0] is not None
    assert found[1] is None


def test_extension_has_no_estimate():
    subgraph = _chain((2, 3))
    strange = Subgraph(subgraph.operands, (Operation(1 << 16, (0,), (1,)),), (0,), (1,))
    assert works(strange, [(2, 3)])[1] == [None]


def test_schedule_ends_with_its_last_activity_and_burns_static_power_until_then():
    schedule = Schedule.of([Activity("a", "x", 0.0, 2.0, joules=1.0), Activity("b", "y", 1.0, 3.0, joules=0.5)], 2.0)
    assert (schedule.seconds, schedule.joules) == (4.0, 9.5)
    assert Schedule.of([], 2.0) == Schedule((), 0.0, 0.0)


def test_host_is_around_the_hardware():
    figures = {"launch_seconds": 1.0, "transfer_seconds": 0.5, "bytes_per_second": 100.0}
    figures |= {"picojoules_per_byte": 1e9, "static_watts": 2.0}
    text = descriptions.cpu({key: value for key, value in figures.items() if key != "picojoules_per_byte"})
    text = text.replace("\npicojoules_per_byte = 0.0", "\npicojoules_per_byte = 1e9")
    description = parse(text, CpuDescription, "x")
    hardware = Schedule.of([Activity("compute", "RELU", 0.25, 1.75, 0, 3.0)], 2.0, ["relu"])
    whole = timeline(description, hardware, [100, 200], [50])
    spans = [(each.track, each.name, each.start, each.duration, each.operation) for each in whole.spans]
    assert spans == [
        ("transfer", "input 0", 0, 1_500_000_000, None),
        ("transfer", "input 1", 1_500_000_000, 2_500_000_000, None),
        ("host", "launch", 4_000_000_000, 1_000_000_000, None),
        ("compute", "RELU", 5_250_000_000, 1_750_000_000, 0),
        ("transfer", "output 0", 7_000_000_000, 1_000_000_000, None),
    ]
    assert whole.timing.in_driver == 8_000_000_000
    assert whole.timing.on_hardware == 2_000_000_000
    assert whole.joules == pytest.approx(8.0 * 2.0 + 3.0 + 350e-3)
    assert whole.timing.energy == pytest.approx(19.35e9)
    assert whole.schedule.commands == ("relu",)
    slow = whole.slowed(3)
    assert (slow.timing.in_driver, slow.timing.on_hardware, slow.joules) == (
        24_000_000_000,
        6_000_000_000,
        whole.joules,
    )
    assert slow.spans[3].start == 15_750_000_000


def test_host_that_shares_its_memory_takes_no_time():
    description = parse(descriptions.cpu(), CpuDescription, "x")
    hardware = Schedule.of([Activity("compute", "RELU", 0.0, 1.0)], 0.0)
    assert timeline(description, hardware, [100], [100]).schedule.activities == hardware.activities


def test_referenced_models_have_no_bytes():
    operands = (Operand(OperandType.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=0), Operand(FLOAT, (2,)))
    found = graph(Subgraph(operands, (), (), ()), [])
    assert found.bytes_of(0) == 0
