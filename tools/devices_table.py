"""The tables of the page on the devices: ``python -m tools.devices_table`` writes them in docs/devices.md anew.

What each device takes is found by asking it, with the conformance suite's generated cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.cpu.device import CpuDevice
from drivers.dsp.device import DspDevice
from drivers.gpu.device import GpuDevice
from drivers.npu.device import NpuDevice
from drivers.sdk.descriptions import variants
from drivers.simulation.device import SimulatedDevice
from hal.model import Lifetime, Model, is_tensor
from hal.operations import DECLARATIONS
from hal.types import OperandType, OperationType
from tools.conformance.case import Case, Subject
from tools.conformance.generated.operations import operation_case, subjects
from tools.measurements import MEASUREMENTS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "devices.md"

SEEDS = range(16)
"""Cases to ask about: the first that a device takes tells."""

_T = OperandType
_SHORT: Mapping[OperandType, str] = {
    _T.TENSOR_FLOAT32: "f32",
    _T.FLOAT32: "f32",
    _T.TENSOR_FLOAT16: "f16",
    _T.FLOAT16: "f16",
    _T.TENSOR_QUANT8_ASYMM: "u8",
    _T.TENSOR_QUANT8_ASYMM_SIGNED: "s8",
    _T.TENSOR_QUANT8_SYMM: "y8",
    _T.TENSOR_QUANT16_SYMM: "y16",
    _T.TENSOR_QUANT16_ASYMM: "u16",
    _T.TENSOR_INT32: "i32",
    _T.INT32: "i32",
    _T.TENSOR_BOOL8: "b8",
}
"""How the table says a type; in this order."""

DEVICES: Mapping[str, Callable[[str | None], SimulatedDevice]] = {
    "cpu": CpuDevice,
    "gpu": GpuDevice,
    "dsp": DspDevice,
    "npu": NpuDevice,
}
"""How each is made, from a variant's name or its default one."""


def taken(devices: Sequence[SimulatedDevice]) -> list[dict[OperationType, list[OperandType]]]:
    """For each device the operations that it takes in a relaxed model, with the types of data it takes them over."""
    found: list[dict[OperationType, list[OperandType]]] = [{} for _ in devices]
    for subject in subjects():
        undecided = list(zip(devices, found))
        for seed in SEEDS:
            if not undecided:
                break
            model, position = _settled(operation_case(subject, seed, all_known=True), subject)
            for device, column in list(undecided):
                if device.supported_operations(model)[position].supported:
                    column.setdefault(subject.operation, []).append(subject.data_type)
                    undecided.remove((device, column))
    return found


def operations() -> str:
    """A row for each operation that one of the devices takes; the CPU takes all."""
    columns = taken([make(None) for name, make in DEVICES.items() if name != "cpu"])
    rows = [["operation", "gpu", "dsp", "npu"], ["---"] * 4]
    for operation in sorted(set().union(*columns), key=lambda each: each.name):
        rows.append([operation.name, *(_types(column.get(operation, [])) for column in columns)])
    rows.append(["**operations**", *(f"**{len(column)}**" for column in columns)])
    return _joined(rows)


def descriptions() -> str:
    """A row for each hardware description that a device ships, its default one first."""
    rows = [["description", "part", "clocks, MHz"], ["---"] * 3]
    for name, make in DEVICES.items():
        default = make(None).text
        made = [(variant, make(variant)) for variant in variants(f"drivers.{name}")]
        for variant, device in sorted(made, key=lambda pair: pair[1].text != default):
            clocks = ", ".join(f"{level.clock_hz / 1e6:.0f}" for level in device.description.power.levels)
            note = ", the default" if device.text == default else ""
            rows.append([f"`{name}/{variant}`{note}", device.description.device.part, clocks])
    return _joined(rows)


def measurements() -> str:
    """A row for each published measurement."""
    heads = ["description", "network", "measured on", "by", "measured", "simulated", "ratio", "energy"]
    rows = [heads, ["---"] * len(heads)]
    for each in MEASUREMENTS:
        simulated = each.simulated()
        milliseconds = simulated.seconds * 1e3
        figures = f"{each.milliseconds:g} ms", f"{milliseconds:.3g} ms", f"{milliseconds / each.milliseconds:.2f}"
        title = f"`{each.description}`", each.title, each.on, each.source
        rows.append([*title, *figures, f"{simulated.joules * 1e3:.3g} mJ"])
    return _joined(rows)


def page() -> str:
    """The page with the tables that it must have."""
    text = PAGE.read_text()
    tables = ("operations", operations), ("descriptions", descriptions), ("measurements", measurements)
    for name, table in tables:
        begin, end = f"<!-- {name}: written by `make docs` -->\n", "<!-- until here -->"
        before, rest = text.split(begin)
        _, after = rest.split(end, 1)
        text = f"{before}{begin}\n{table()}\n\n{end}{after}"
    return text


def _joined(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _settled(case: Case, subject: Subject) -> tuple[Model, int]:
    """The case's model, relaxed, with everything constant but the data, and where its operation is."""
    main = case.model.main
    (position,) = (number for number, each in enumerate(main.operations) if each.type == subject.operation)
    data = main.operations[position].inputs[DECLARATIONS[subject.operation].data_input]
    operands, inputs = list(main.operands), []
    for index, value in zip(main.inputs, case.inputs):
        if value is None or (index == data and is_tensor(operands[index])):
            inputs.append(index)
        else:
            operands[index] = replace(
                operands[index], lifetime=Lifetime.CONSTANT_COPY, value=np.ascontiguousarray(value)
            )
    settled = replace(main, operands=tuple(operands), inputs=tuple(inputs))
    return replace(case.model, main=settled, relaxed=True), position


def _types(types: list[OperandType]) -> str:
    return " ".join(dict.fromkeys(_SHORT[each] for each in sorted(types, key=list(_SHORT).index)))


if __name__ == "__main__":
    PAGE.write_text(page())
