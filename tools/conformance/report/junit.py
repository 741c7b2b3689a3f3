"""The report for continuous integration: JUnit's XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from tools.conformance.trial import Outcome, Report, Verdict

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """A test suite for each source and mode, a test case for each trial."""
    root = ElementTree.Element("testsuites", name=f"nnhal conformance of {report.info.name}")
    _count(root, report.outcomes)

    def suite_of(outcome: Outcome) -> tuple[str, str]:
        return outcome.trial.source, outcome.trial.mode

    for (source, mode), group in groupby(sorted(report.outcomes, key=suite_of), key=suite_of):
        outcomes = list(group)
        suite = ElementTree.SubElement(root, "testsuite", name=f"{source} {mode}")
        _count(suite, outcomes)
        for outcome in outcomes:
            _add_case(suite, f"{report.info.name}.{source}.{mode}", outcome)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _count(element: ElementTree.Element, outcomes: Sequence[Outcome]) -> None:
    verdicts = [outcome.verdict for outcome in outcomes]
    element.set("tests", str(len(outcomes)))
    element.set("failures", str(verdicts.count(Verdict.FAILED)))
    element.set("skipped", str(verdicts.count(Verdict.SKIPPED)))
    element.set("errors", "0")
    element.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")


def _add_case(suite: ElementTree.Element, class_name: str, outcome: Outcome) -> None:
    attributes = {"classname": class_name, "name": outcome.trial.name, "time": f"{outcome.seconds:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    reason = _NOT_IN_XML.sub("?", outcome.reason)
    if outcome.verdict is Verdict.SKIPPED:
        ElementTree.SubElement(case, "skipped", message=reason)
    elif outcome.verdict is Verdict.FAILED:
        failure = ElementTree.SubElement(case, "failure", message=reason)
        failure.text = "\n".join(
            f"{each.where}: expected {each.expected}, got {each.actual}" for each in outcome.differences
        )
