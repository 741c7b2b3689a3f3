"""The page on the devices says what they are."""

import dataclasses
import re
import typing

from drivers.cpu.description import CpuDescription
from drivers.dsp import rules as dsp_rules
from drivers.dsp.description import DspDescription
from drivers.gpu.description import GpuDescription
from drivers.npu import rules as npu_rules
from drivers.npu.description import NpuDescription
from drivers.simulation.description import ExternalMemory, OnChipMemory
from hal.faults import FaultKind
from tools.devices_table import PAGE, page

DESCRIPTIONS = (CpuDescription, GpuDescription, DspDescription, NpuDescription)
MEMORIES = (OnChipMemory, ExternalMemory)


def keys(kind, prefix=""):
    """Every key that a description of this kind may have; a memory counts as one."""
    for name, hint in typing.get_type_hints(kind).items():
        many = typing.get_origin(hint) is tuple
        inner = typing.get_args(hint)[0] if many else hint
        key = f"{prefix}{name}{'[]' if many else ''}"
        if dataclasses.is_dataclass(inner) and inner not in MEMORIES:
            yield from keys(inner, f"{key}.")
        else:
            yield key


def first_cells(text):
    return re.findall(r"(?m)^\| `?([a-z0-9_.\[\]]+)`? \|", text)


def section(title):
    return PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_tables_are_current():
    assert PAGE.read_text() == page(), "make docs"


def test_every_key_of_every_description_is_explained_once_for_each_device():
    common, *own = re.split(r"(?m)^\*\*[A-Z]+\*\*$", section("The description, key by key"))
    explained = [[key for key in first_cells(part) if key != "key"] for part in (common, *own)]
    for kind, listed in zip(DESCRIPTIONS, explained[1:]):
        assert sorted([*explained[0], *listed]) == sorted(keys(kind))
    for memory in MEMORIES:
        for field in dataclasses.fields(memory):
            assert f"`{field.name}`" in common


def test_every_kind_of_fault_is_explained():
    assert [kind for kind in first_cells(section("Faults")) if kind != "kind"] == [each.value for each in FaultKind]


def test_the_operations_are_those_of_the_rules():
    rows = [line.split(" | ") for line in section("What each takes").splitlines() if re.match(r"\| [A-Z]", line)]
    for column, taken in ((2, dsp_rules.TAKES), (3, npu_rules.TAKES)):
        listed = {row[0].removeprefix("| ") for row in rows if row[column].strip(" |")}
        assert listed == {operation.name for operation in taken}
