"""The report for programs: counts and failures."""

from __future__ import annotations

from typing import Any

from tools.conformance.trial import Report, Verdict


def figures(report: Report) -> dict[str, Any]:
    """What is written as JSON."""
    return {
        "device": report.info.name,
        **{verdict.value: report.count(verdict) for verdict in Verdict},
        "operations_taken": sorted(operation.name for operation in report.taken),
        "failures": [
            {"name": outcome.trial.name, "mode": outcome.trial.mode, "reason": outcome.reason}
            for outcome in report.failures
        ],
    }
