"""The page's tables, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from hal.types import PreferenceCode
from tools.explain.explanation import Graph, Plan, bytes_told, energy_told, ranges_told, reasons, shape_told, time_told
from tools.explain.picture import NOBODY, colours
from tools.explain.summary import refusals

_MACS = "10⁶ MACs"


def steps(plan: Plan, palette: Mapping[str, str]) -> str:
    """What is executed at once, in order."""
    rows = [
        [
            str(number),
            chip(step.device, palette),
            escape(ranges_told(step.operations)),
            time_told(step.seconds),
            energy_told(step.joules),
        ]
        for number, step in enumerate(plan.steps)
    ]
    return _table(["", "device", "operations", "time", "energy"], rows, 3)


def moves(plan: Plan, palette: Mapping[str, str]) -> str:
    """What moves between the host's memory and devices."""
    if not plan.moves:
        return "<p>None that take time.</p>"
    rows = [
        [
            chip(move.source, palette),
            chip(move.target, palette),
            f"operand {move.tensor}",
            bytes_told(move.bytes),
            time_told(move.seconds),
        ]
        for move in plan.moves
    ]
    return _table(["from", "to", "tensor", "size", "time"], rows, 3)


def refused(devices: Sequence[str], plan: Plan, palette: Mapping[str, str]) -> str:
    """What each device does not take, and its reason."""
    heads, *rows = refusals(devices, plan)
    if not rows:
        return "<p>Each device takes every operation.</p>"
    shown = ([chip(device, palette), escape(numbers), escape(reason)] for device, numbers, reason in rows)
    return _table(heads, shown, len(heads))


def operations(devices: Sequence[str], graph: Graph, plan: Plan, preference: PreferenceCode, prefix: str) -> str:
    """Each operation, the device that it goes to, and what every device says; rows have ``prefix`` ids."""
    palette = colours(devices)
    rows = []
    for node in graph.nodes:
        device = plan.placement[node.number] if plan.placement else ""
        said = [
            f'<td class="refused" title="{escape(reason)}">refuses</td>'
            if answer.refusal
            else f"<td>{escape(reason)}</td>"
            for answer, reason in zip(
                plan.answers[node.number], reasons(devices, plan, node.number, preference).values()
            )
        ]
        rows.append(
            f'<tr id="{prefix}{node.number}"><td>{node.number}</td><td>{escape(node.type)}</td>'
            f'<td>{escape(node.data_type)}</td><td class="short">{escape(shape_told(node.shape))}</td>'
            f'<td class="number">{f"{node.macs / 1e6:,.2f}" if node.macs else ""}</td>'
            f"<td>{chip(device, palette) if device else ''}</td>{''.join(said)}</tr>"
        )
    heads = ["", "operation", "type", "output", _MACS, "goes to", *devices]
    head = "".join(
        f"<th{' class=number' if each == _MACS else ''}>{chip(each, palette) if each in devices else escape(each)}</th>"
        for each in heads
    )
    return f'<table class="operations"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def chip(name: str, palette: Mapping[str, str]) -> str:
    """A name on its colour."""
    return f'<span class="chip" style="background:{palette.get(name, NOBODY)}">{escape(name)}</span>'


def cells(contents: Iterable[str], numbers: int, tag: str = "td") -> str:
    """The cells of a row, figures from position ``numbers`` on."""
    return "".join(
        f"<{tag}{' class=number' if position >= numbers else ''}>{cell}</{tag}>"
        for position, cell in enumerate(contents)
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    body = "".join(f"<tr>{cells(row, numbers)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells(map(escape, heads), numbers, 'th')}</tr></thead><tbody>{body}</tbody></table>"
