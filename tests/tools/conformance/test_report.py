"""The reports: JSON figures, JUnit XML, and the page for people."""

import json
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from hal.device import Capabilities, DeviceInfo, Performance
from hal.types import DeviceType, FeatureLevel
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.tools.conformance.test_running import Scripted
from tools.conformance.case import Difference, Subject
from tools.conformance.report.figures import figures
from tools.conformance.report.junit import junit
from tools.conformance.report.page import page
from tools.conformance.trial import Outcome, Report, Verdict


def trial(name, subject=None, source="generated", mode="compute"):
    made = Scripted(name)
    made.subject, made.source, made.mode = subject, source, mode
    return made


@pytest.fixture
def report():
    half, one = Performance(0.5, 0.25), Performance(1.0, 1.0)
    info = DeviceInfo("dsp<1>", "7.1", DeviceType.ACCELERATOR, FeatureLevel.LEVEL_4, ("com.example.x",))
    made = Report(info, Capabilities({T.TENSOR_FLOAT32: half}, one, one, one, one), seconds=12.5)
    add = Subject(O.ADD, T.TENSOR_FLOAT32)
    made.outcomes = [
        Outcome(trial("add/0", add), Verdict.PASSED, executed=True, seconds=0.25),
        Outcome(
            trial("add/1", add), Verdict.FAILED, "values < differ & so on \0", (Difference("output 0 [1]", "<4>", "5"),)
        ),
        Outcome(trial("mul/0", Subject(O.MUL, T.TENSOR_FLOAT16)), Verdict.SKIPPED, "not supported"),
        Outcome(trial("tanh/0", Subject(O.TANH, T.TENSOR_FLOAT32), "vectors"), Verdict.PASSED, executed=True),
        Outcome(trial("graph/0", None, mode="start_compute"), Verdict.PASSED, executed=True),
    ]
    return made


def test_figures(report):
    assert json.loads(json.dumps(figures(report))) == {
        "device": "dsp<1>",
        "passed": 3,
        "failed": 1,
        "skipped": 1,
        "operations_taken": ["ADD", "TANH"],
        "failures": [{"name": "add/1", "mode": "compute", "reason": "values < differ & so on \0"}],
    }


def test_junit(report):
    root = ElementTree.fromstring(junit(report))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "1", "1")
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"generated compute", "generated start_compute", "vectors compute"}
    cases = {case.get("name"): case for case in suites["generated compute"]}
    assert cases["add/0"].get("time") == "0.250"
    assert cases["add/0"].get("classname") == "dsp<1>.generated.compute"
    assert list(cases["add/0"]) == []
    (failure,) = cases["add/1"]
    assert (failure.tag, failure.get("message")) == ("failure", "values < differ & so on ?")
    assert failure.text == "output 0 [1]: expected <4>, got 5"
    (skipped,) = cases["mul/0"]
    assert skipped.tag == "skipped"


class Page(HTMLParser):
    """The text of the page's table cells with their classes, and whether its tags fit each other."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.titles, self._open, self.links = [], {}, [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.links += [given[name] for name in ("src", "href") if name in given]
        if tag != "meta":
            self._open.append(tag)
        if tag == "td":
            self.cells.append([given.get("class"), ""])
            if "title" in given:
                self.titles[given["title"]] = self.cells[-1]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "td":
            self.cells[-1][1] += data


def test_page(report):
    text = page(report)
    read = Page(text)
    assert read.links == []  # needs nothing else
    assert read.titles["ADD TENSOR_FLOAT32: 1 passed, 1 failed, 0 skipped"] == ["failed", "1 / 2"]
    assert read.titles["MUL TENSOR_FLOAT16: 0 passed, 0 failed, 1 skipped"] == ["skipped", "1"]
    assert read.titles["TANH TENSOR_FLOAT32: 1 passed, 0 failed, 0 skipped"] == ["passed", "1"]
    assert ["untried", "0"] in read.cells
    assert [None, ""] in read.cells  # NNAPI has no such type there
    position = read.cells.index(["expected", "<4>"])
    assert read.cells[position + 1] == ["actual", "5"]
    assert "dsp&lt;1&gt;" in text
    assert "version 7.1 · type ACCELERATOR · feature level 4 · extensions com.example.x" in text
    assert re.search(r"TENSOR_FLOAT32</td><td class=number>0.5</td><td class=number>0.25</td>", text)
    assert "Models of several operations: 1 passed, 0 failed, 0 skipped" in text


def test_what_is_infinitely_slow_is_not_taken(report):
    never = Performance(math.inf, math.inf)
    report.capabilities = Capabilities({}, never, never, never, never)
    assert re.search(r"WHILE</td><td class=number>not taken</td><td class=number>not taken</td>", page(report))


def test_page_without_failures(report):
    report.outcomes = report.outcomes[:1]
    assert "<p>None.</p>" in page(report)
