"""The report for people: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from hal.device import Capabilities, DeviceInfo, Performance
from hal.operations import DECLARATIONS
from hal.types import OperandType, OperationType
from tools.conformance.case import Difference, Subject
from tools.conformance.trial import Outcome, Report, Verdict

_SHOWN_FAILURES = 500

_STYLE = """
:root { --passed: #2e7d4f; --failed: #c62828; --skipped: #b7791f; --line: #dde1e6; --faint: #6b7280; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #f6f7f9; margin: 0; }
main { max-width: 1280px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 36px 0 10px; }
p.note, .faint { color: var(--faint); margin: 4px 0 12px; }
section { background: white; border: 1px solid var(--line); border-radius: 8px; padding: 4px 20px 18px;
  margin: 16px 0; }
section h2 { margin-top: 14px; }
.tiles { display: flex; gap: 12px; flex-wrap: wrap; margin: 18px 0; }
.tile { background: white; border: 1px solid var(--line); border-left: 6px solid var(--line); border-radius: 8px;
  padding: 10px 22px; }
.tile b { display: block; font-size: 28px; line-height: 1.2; }
.tile.passed { border-left-color: var(--passed); } .tile.failed { border-left-color: var(--failed); }
.tile.skipped { border-left-color: var(--skipped); }
.columns { display: flex; gap: 48px; flex-wrap: wrap; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 3px 12px 3px 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.matrix td, .matrix th { padding: 2px 4px; border: 1px solid white; font-size: 12px; white-space: nowrap; }
.matrix thead th { background: white; position: sticky; top: 0; vertical-align: bottom; padding-top: 6px; }
.matrix thead th span { writing-mode: vertical-rl; transform: rotate(180deg); }
.matrix tbody th { font-weight: 500; padding-right: 12px; }
.matrix td { text-align: center; min-width: 46px; color: white; font-variant-numeric: tabular-nums; }
.matrix td.passed { background: var(--passed); } .matrix td.failed { background: var(--failed); font-weight: 700; }
.matrix td.skipped { background: var(--skipped); }
.matrix td.untried { background: #e5e8ec; color: var(--faint); }
.key span { display: inline-block; padding: 0 10px; margin-right: 8px; border-radius: 4px; color: white;
  font-size: 13px; }
.key .passed { background: var(--passed); } .key .failed { background: var(--failed); }
.key .skipped { background: var(--skipped); } .key .untried { background: #e5e8ec; color: var(--faint); }
details { border-top: 1px solid var(--line); padding: 8px 0; }
summary { cursor: pointer; overflow-wrap: anywhere; } summary .mode { color: var(--faint); margin-left: 8px; }
.reason { margin: 6px 0 8px 18px; overflow-wrap: anywhere; }
.differences { margin-left: 18px; font: 13px/1.6 ui-monospace, monospace; }
.differences td.expected { color: var(--passed); } .differences td.actual { color: var(--failed); font-weight: 700; }
"""


def page(report: Report) -> str:
    """The HTML document."""
    title = escape(f"Conformance of {report.info.name}")
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="note">{_device_line(report.info)}</p>',
        _tiles(report),
        _section("Sources", _sources(report.outcomes)),
        _section("Performance", _performance(report.capabilities)),
        _section("Operations and types", _matrix(report.outcomes)),
        _section("Failures", _failures(report.failures)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        "<body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def _device_line(info: DeviceInfo) -> str:
    extensions = f"extensions {', '.join(info.extensions)}" if info.extensions else "no extensions"
    level = f"feature level {info.feature_level.name.removeprefix('LEVEL_')}"
    return escape(" · ".join((f"version {info.version}", f"type {info.type.name}", level, extensions)))


def _tiles(report: Report) -> str:
    tiles = [
        f'<div class="tile {verdict.value}"><b>{report.count(verdict):,}</b>{verdict.value}</div>'
        for verdict in Verdict
    ]
    tiles.append(f'<div class="tile"><b>{len(report.taken)}</b>operations taken</div>')
    tiles.append(f'<div class="tile"><b>{report.seconds:.1f} s</b>took</div>')
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{content}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    """A table of text whose columns from ``numbers`` on are figures."""

    def row(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if position >= numbers else ''}>{escape(cell)}</{tag}>"
            for position, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in rows)
    return f"<table><thead><tr>{row('th', heads)}</tr></thead><tbody>{body}</tbody></table>"


def _sources(outcomes: Sequence[Outcome]) -> str:
    counts: dict[tuple[str, str], Counter[Verdict]] = defaultdict(Counter)
    for outcome in outcomes:
        counts[outcome.trial.source, outcome.trial.mode][outcome.verdict] += 1
    rows = [[*key, *(f"{count[verdict]:,}" for verdict in Verdict)] for key, count in sorted(counts.items())]
    return _table(["source", "mode", *(verdict.value for verdict in Verdict)], rows, 2)


def _performance(capabilities: Capabilities) -> str:
    named = {
        "relaxed FLOAT32 scalar": capabilities.relaxed_scalar,
        "relaxed FLOAT32 tensor": capabilities.relaxed_tensor,
        "IF": capabilities.if_,
        "WHILE": capabilities.while_,
    }
    types = {operand_type.name: each for operand_type, each in sorted(capabilities.operand_performance.items())}
    tables = "".join(f"<div>{_performance_table(each)}</div>" for each in (types, named))
    return (
        '<p class="note">What the device promises, as ratios to the CPU reference device: lower is better.</p>'
        f'<div class="columns">{tables}</div>'
    )


def _performance_table(performances: Mapping[str, Performance]) -> str:
    rows = [[name, _ratio(each.exec_time), _ratio(each.power_usage)] for name, each in performances.items()]
    return _table(["data", "time", "power"], rows, 1)


def _ratio(value: float) -> str:
    return "not taken" if math.isinf(value) else f"{value:.3g}"


def _matrix(outcomes: Sequence[Outcome]) -> str:
    counts: dict[Subject | None, Counter[Verdict]] = defaultdict(Counter)
    for outcome in outcomes:
        counts[outcome.trial.subject][outcome.verdict] += 1
    types = sorted(
        {each for declaration in DECLARATIONS.values() for each in declaration.types}
        | {subject.data_type for subject in counts if subject is not None}
    )
    heads = "".join(f"<th><span>{escape(each.name)}</span></th>" for each in types)
    operations = sorted(
        {OperationType(code) for code in DECLARATIONS} | {each.operation for each in counts if each is not None},
        key=lambda operation: operation.name,
    )
    rows = [
        f"<tr><th>{escape(operation.name)}</th>{''.join(_cell(operation, each, counts) for each in types)}</tr>"
        for operation in operations
    ]
    several = counts.get(None)
    note = "" if several is None else f'<p class="note">Models of several operations: {escape(_told(several))}.</p>'
    return (
        '<p class="note key"><span class="passed">all passed</span><span class="failed">failed / all</span>'
        '<span class="skipped">skipped</span><span class="untried">not tried</span>empty: NNAPI has no such type there'
        f'</p><table class="matrix"><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"{note}"
    )


def _cell(operation: OperationType, data_type: OperandType, counts: Mapping[Subject | None, Counter[Verdict]]) -> str:
    count = counts.get(Subject(operation, data_type))
    if count is None:
        declared = operation in DECLARATIONS and data_type in DECLARATIONS[operation].types
        return '<td class="untried">0</td>' if declared else "<td></td>"
    tried = count[Verdict.PASSED] + count[Verdict.FAILED]
    if count[Verdict.FAILED]:
        verdict, shown = Verdict.FAILED, f"{count[Verdict.FAILED]} / {tried}"
    elif tried:
        verdict, shown = Verdict.PASSED, str(tried)
    else:
        verdict, shown = Verdict.SKIPPED, str(count[Verdict.SKIPPED])
    title = escape(f"{operation.name} {data_type.name}: {_told(count)}", quote=True)
    return f'<td class="{verdict.value}" title="{title}">{shown}</td>'


def _told(count: Counter[Verdict]) -> str:
    return ", ".join(f"{count[verdict]:,} {verdict.value}" for verdict in Verdict)


def _failures(failures: Sequence[Outcome]) -> str:
    if not failures:
        return "<p>None.</p>"
    shown = "".join(_failure(outcome) for outcome in failures[:_SHOWN_FAILURES])
    left = len(failures) - _SHOWN_FAILURES
    return shown + (f'<p class="note">and {left:,} more</p>' if left > 0 else "")


def _failure(outcome: Outcome) -> str:
    trial = outcome.trial
    return (
        f'<details open><summary><b>{escape(trial.name)}</b><span class="mode">{escape(trial.source)}, '
        f'{escape(trial.mode)}</span></summary><div class="reason">{escape(outcome.reason)}</div>'
        f"{_differences(outcome.differences)}</details>"
    )


def _differences(differences: Sequence[Difference]) -> str:
    if not differences:
        return ""
    rows = "".join(
        f'<tr><td>{escape(each.where)}</td><td class="expected">{escape(each.expected)}</td>'
        f'<td class="actual">{escape(each.actual)}</td></tr>'
        for each in differences
    )
    return f'<table class="differences"><tr><th>where</th><th>expected</th><th>actual</th></tr>{rows}</table>'
