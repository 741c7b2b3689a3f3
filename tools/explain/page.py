"""The explanation for people: one HTML file that needs nothing else."""

from __future__ import annotations

from html import escape

from hal.types import PreferenceCode
from tools.explain import tables
from tools.explain.explanation import Explanation, Graph, Plan, energy_told, time_told
from tools.explain.picture import bar, colours, picture
from tools.explain.summary import PREFERENCES, compared

_STYLE = """
:root { --line: #dde1e6; --faint: #6b7280; --ink: #1f2933; --paper: white; --ground: #f6f7f9; --cross: #c62828; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0; }
main { max-width: 1500px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 14px 0 10px; }
h3 { font-size: 15px; margin: 18px 0 6px; }
p.note { color: var(--faint); margin: 4px 0 12px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 4px 20px 18px;
  margin: 16px 0; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 3px 14px 3px 0; vertical-align: top; }
thead th { border-bottom: 1px solid var(--line); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.chip { display: inline-block; padding: 0 9px; border-radius: 4px; color: white; font-size: 13px; white-space: nowrap; }
.tabs > input { position: absolute; opacity: 0; }
.tabs > label { display: inline-block; padding: 6px 18px; margin-right: 6px; border: 1px solid var(--line);
  border-radius: 6px; background: var(--paper); cursor: pointer; }
.tabs > input:checked + label { background: var(--ink); color: white; border-color: var(--ink); }
.tabs > input:focus-visible + label { outline: 3px solid #3b7dd8; }
.tab { display: none; }
.columns { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 20px; }
@media (max-width: 1000px) { .columns { grid-template-columns: minmax(0, 1fr); } }
.scroll { overflow: auto; max-height: 82vh; border: 1px solid var(--line); border-radius: 6px; background: #fbfbfc; }
.side { overflow: auto; max-height: 82vh; }
svg.graph { display: block; margin: 0 auto; }
svg.graph text { font: 600 12px system-ui, sans-serif; fill: white; text-anchor: middle; }
svg.graph text.small { font-weight: 400; font-size: 11px; opacity: 0.9; }
svg.graph .terminal { fill: white; stroke: #9aa5b1; } svg.graph text.terminal { fill: var(--ink); stroke: none; }
svg.graph .line { fill: none; stroke: #9aa5b1; stroke-width: 1.4; }
svg.graph .crossing { fill: none; stroke: var(--cross); stroke-width: 2; stroke-dasharray: 5 3; }
svg.graph text.move { fill: var(--cross); font-size: 11px; stroke: #fbfbfc; stroke-width: 6px; paint-order: stroke; }
svg.bar { width: 100%; height: 22px; border-radius: 4px; display: block; margin: 6px 0; }
.operations td { border-top: 1px solid var(--line); font-size: 13.5px; padding: 4px 14px 4px 0; }
.operations tr:target { background: #fff3c4; }
.operations td.short { white-space: nowrap; }
.refused { color: var(--faint); }
.problem { color: var(--cross); font-weight: 600; }
"""


def page(explanation: Explanation) -> str:
    """The HTML document."""
    title = escape(f"{explanation.model} on {', '.join(explanation.devices)}")
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="note">{_subtitle(explanation)}</p>',
        _comparison(explanation),
        _tabs(explanation),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}{_tab_style(len(explanation.plans))}</style></head>\n"
        "<body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def _subtitle(explanation: Explanation) -> str:
    nodes = explanation.graph.nodes
    macs = sum(node.macs or 0 for node in nodes)
    relaxed = " · float32 may be computed as float16" if explanation.relaxed else ""
    return f"{len(nodes)} operations · {macs / 1e6:,.1f} million multiply-accumulates{relaxed}"


def _tab_style(count: int) -> str:
    return "".join(f"#tab{number}:checked ~ .tab{number} {{ display: block; }}\n" for number in range(count))


def _comparison(explanation: Explanation) -> str:
    heads, *rows = compared(explanation)
    palette = colours(explanation.devices)
    cells = [tables.chip(head, palette) if head in palette else escape(head) for head in heads]
    body = "".join(f"<tr>{tables.cells(map(escape, row), numbers=1)}</tr>" for row in rows)
    bars = "".join(
        f"<h3>{PREFERENCES[preference]}: the steps, as long as they take</h3>{drawn}"
        for preference, plan in explanation.plans.items()
        if (drawn := bar(explanation.devices, plan))
    )
    return (
        "<section><h2>Preferences compared</h2>"
        '<p class="note">One execution, as the devices estimate it; under each device, how many operations it has.</p>'
        f"<table><thead><tr>{tables.cells(cells, numbers=1, tag='th')}</tr></thead><tbody>{body}</tbody></table>"
        f"{bars}</section>"
    )


def _tabs(explanation: Explanation) -> str:
    heads = "".join(
        f'<input type="radio" name="plan" id="tab{number}"{" checked" if number == 0 else ""}>'
        f'<label for="tab{number}">{PREFERENCES[preference]}</label>'
        for number, preference in enumerate(explanation.plans)
    )
    bodies = "".join(
        f'<div class="tab tab{number}">'
        f"{_plan(explanation.devices, explanation.graph, plan, preference, str(number))}</div>"
        for number, (preference, plan) in enumerate(explanation.plans.items())
    )
    return f'<div class="tabs">{heads}{bodies}</div>'


def _plan(
    devices: tuple[str, ...], graph: Graph, plan: Plan, preference: PreferenceCode, place: str, title: str = "the model"
) -> str:
    """The sections of a subgraph, and of those within it; ``place`` tells it from the others of the page."""
    palette = colours(devices)
    prefix = f"p{place}o"
    problem = f'<p class="problem">{escape(plan.problem)}</p>' if plan.problem else ""
    key = " ".join(tables.chip(device, palette) for device in devices)
    drawn = picture(devices, graph, plan, preference, prefix)
    sections = [
        f"<section><h2>Where the operations of {escape(title)} go</h2>{problem}"
        f'<p class="note">{key} &nbsp; A box leads to its operation below; a red line is a tensor that moves.</p>'
        f'<div class="columns"><div class="scroll">{drawn}</div>'
        f'<div class="side"><h3>Steps</h3>{tables.steps(plan, palette)}'
        f"<h3>Moves</h3>{tables.moves(plan, palette)}</div></div></section>",
        f"<section><h2>What the devices do not take</h2>{tables.refused(devices, plan, palette)}</section>"
        f"<section><h2>What each device says of each</h2>"
        f"{tables.operations(devices, graph, plan, preference, prefix)}</section>",
    ]
    for number, branch in enumerate(plan.branches):
        took = f"{time_told(branch.plan.seconds)}, {energy_told(branch.plan.joules)} each time"
        name = f"operation {branch.operation}'s {branch.role} ({took})"
        sections.append(_plan(devices, branch.graph, branch.plan, preference, f"{place}b{number}", name))
    return "".join(sections)
