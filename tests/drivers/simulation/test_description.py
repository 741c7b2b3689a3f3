import math
import re
from dataclasses import dataclass

import pytest

from drivers.cpu.description import DEFAULT, CpuDescription
from drivers.sdk.descriptions import shipped_text, variants
from drivers.simulation.description import Energy, Level, describe, parse, positive, quantity
from hal.errors import BadDataError
from hal.faults import Fault, FaultKind
from tests import descriptions


@pytest.mark.parametrize("variant", variants("drivers.cpu"))
def test_shipped_description_is_right(variant):
    _, described = describe("drivers.cpu", variant, CpuDescription, DEFAULT)
    assert described.device.driver == "cpu"
    assert [level.clock_hz for level in described.power.levels] == sorted(
        level.clock_hz for level in described.power.levels
    )


def test_default_variant_and_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(shipped_text("drivers.cpu", "snapdragon-865"))
    assert describe("drivers.cpu", None, CpuDescription, DEFAULT)[0] == shipped_text("drivers.cpu", "snapdragon-855")
    assert describe("drivers.cpu", path, CpuDescription, DEFAULT) == describe(
        "drivers.cpu", "snapdragon-865", CpuDescription, DEFAULT
    )


def test_figures_are_read():
    described = parse(descriptions.cpu({"cores": 3, "realtime": True}), CpuDescription, "x")
    assert (described.cpu.cores, described.device.realtime) == (3, True)
    assert described.power.levels[-1] == Level(clock_hz=2.2e9, volts=0.85)
    assert isinstance(described.cpu.l1.bytes_per_cycle, float)
    assert described.host.bytes_per_second == math.inf
    assert described.faults == ()


def test_faults_are_read():
    text = descriptions.cpu(faults='[[faults]]\nkind = "slow"\nevery = 2\nfactor = 3\n')
    assert parse(text, CpuDescription, "x").faults == (Fault(kind=FaultKind.SLOW, every=2, factor=3.0),)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("simd_bits", "simd_bit", "cpu.simd_bit is unknown; did you mean cpu.simd_bits?"),
        ("[energy]", "[enigma]\nx = 1\n[energy]", "enigma is unknown; known here: device, power, energy"),
        ("heat_seconds = 15.0", "", "power.heat_seconds is missing"),
        ("cores = 2", "cores = 0", "cpu.cores is 0; it must be above 0, at most 1024"),
        ("cores = 2", "cores = 2.5", "cpu.cores is 2.5; it must be a whole number"),
        ("cores = 2", 'cores = "2"', "cpu.cores is '2'; it must be a whole number"),
        ("cores = 2", "cores = true", "cpu.cores is True; it must be a whole number"),
        ("float16 = true", "float16 = 1", "cpu.float16 is 1; it must be true or false"),
        ("efficiency = 0.7", "efficiency = 1.5", "cpu.efficiency is 1.5; it must be above 0, at most 1"),
        ("static_watts = 0.15", "static_watts = -1", "power.static_watts is -1; it must be at least 0 and finite"),
        ("static_watts = 0.15", "static_watts = nan", "power.static_watts is nan; it must be a number"),
        ("static_watts = 0.15", "static_watts = inf", "power.static_watts is inf; it must be at least 0 and finite"),
        ("heat_seconds = 15.0", "heat_seconds = 0", "power.heat_seconds is 0; it must be above 0 and finite"),
        ("clock_hz = 0.8e9", "clock_hz = 9e9", "power.levels must hold at least one level, in ascending order"),
        ("resume_celsius = 75.0", "resume_celsius = 95.0", "ambient_celsius <= resume_celsius <= limit_celsius"),
        ('part = "', "part = 5 #", "device.part is 5; it must be text in quotes"),
        ("l1 = {", "l1 = 5 #", "cpu.l1 must be a table"),
        ("[power]", "[power", "mine.toml is not TOML: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, complaint):
    path = tmp_path / "mine.toml"
    text = descriptions.cpu()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadDataError, match=re.escape(complaint)) as error:
        describe("drivers.cpu", path, CpuDescription, DEFAULT)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ('kind = "slw"\nat = 1', "faults[0].kind is 'slw'; it must be one of die, hang, slow"),
        ('kind = "die"', "faults[0]: a fault needs exactly one of at, every and probability"),
        ('kind = "die"\nat = 1\nevery = 1', "a fault needs exactly one of"),
        ('kind = "die"\nat = 0', "at is 0; it must be at least 1"),
        ('kind = "die"\nprobability = 1.5', "probability is 1.5; it must be from 0 to 1"),
        ('kind = "slow"\nat = 1', "slow needs a factor"),
        ('kind = "die"\nat = 1\nfactor = 2', "no other kind has one"),
        ('kind = "slow"\nat = 1\nfactor = 0.5', "factor is 0.5; it must be at least 1"),
    ],
)
def test_fault_that_is_none(fault, complaint):
    with pytest.raises(BadDataError, match=re.escape(complaint)):
        parse(descriptions.cpu(faults=f"[[faults]]\n{fault}\n"), CpuDescription, "x")


def test_unknown_variant_and_file_that_is_not_there(tmp_path):
    with pytest.raises(BadDataError, match="no description 'huge'; it has snapdragon-450, snapdragon-855"):
        describe("drivers.cpu", "huge", CpuDescription, DEFAULT)
    with pytest.raises(BadDataError, match="can't be read: No such file"):
        describe("drivers.cpu", tmp_path / "none.toml", CpuDescription, DEFAULT)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadDataError, match="not UTF-8"):
        describe("drivers.cpu", tmp_path / "bytes.toml", CpuDescription, DEFAULT)


@dataclass(frozen=True)
class _Sizes:
    size: int = positive()
    limits: tuple[float, ...] = quantity(1, 2)


def test_bounds_hold_for_each_of_an_array():
    assert parse("size = 1\nlimits = [1, 2]", _Sizes, "x") == _Sizes(1, (1.0, 2.0))
    with pytest.raises(BadDataError, match=r"x: limits\[1\] is 3; it must be at least 1, at most 2"):
        parse("size = 1\nlimits = [1, 3]", _Sizes, "x")
    with pytest.raises(BadDataError, match="limits must be an array"):
        parse("size = 1\nlimits = 1", _Sizes, "x")


def test_dynamic_energy_grows_with_the_voltage_squared():
    assert Energy(volts=0.5, scalar_picojoules=1).factor(Level(clock_hz=1e9, volts=1.0)) == 4
