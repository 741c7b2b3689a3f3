"""What an explanation says of plans that the runtime made, and the page and tables that show it."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from hal.types import OperandType, PreferenceCode
from hal.types import OperationType as O
from runtime.model import Model
from tools.explain.collect import explain
from tools.explain.explanation import bytes_told, energy_told, ranges_told, reasons, time_told
from tools.explain.page import page
from tools.explain.summary import compared, operations, problems, refusals

SPEED, POWER = PreferenceCode.FAST_SINGLE_ANSWER, PreferenceCode.LOW_POWER
CHEAP = 1e-5


@pytest.fixture
def explanation(model, priced):
    """ "a" takes all but TANH; "b" takes TANH, and RELU for less; a move takes longer than RELU's difference."""
    a = priced("a", {O.EXP: 3e-3, O.RELU: 2e-3, O.ADD: 1e-3})
    b = priced("b", {O.TANH: 4e-3, O.RELU: 1.9e-3}, transfer=1e-3)
    return explain("test", model, [a, b], [SPEED, POWER], lambda *_news: None)


def test_each_operation_is_where_it_is_cheapest_with_its_moves(explanation):
    plan = explanation.plans[SPEED]
    assert plan.placement == ("a", "b", "a", "a")
    assert [(step.device, step.operations) for step in plan.steps] == [("a", (0, 2)), ("b", (1,)), ("a", (3,))]
    moved = [(move.tensor, move.source, move.target, move.bytes) for move in plan.moves]
    assert moved == [(1, "host", "b", 1000), (2, "b", "host", 1000)]
    seconds = 3e-3 + 4e-3 + 2e-3 + 1e-3
    assert sum(step.seconds for step in plan.steps) == pytest.approx(seconds)
    assert plan.seconds == pytest.approx(seconds + sum(move.seconds for move in plan.moves))


def test_the_reasons_are_the_devices_own_or_say_what_it_would_take(explanation):
    plan = explanation.plans[SPEED]
    assert reasons(explanation.devices, plan, 0, SPEED) == {"a": "runs it: 3 ms, 3 mJ", "b": "b has no <EXP>"}
    relu = reasons(explanation.devices, plan, 2, SPEED)
    assert relu["a"] == "runs it: 2 ms, 2 mJ"
    assert relu["b"] == ("takes it for less: 1.9 ms, 1.9 mJ; moving its tensors there would cost more than that saves")


def test_a_dearer_device_is_compared(model, priced):
    everything = {O.EXP: 1e-3, O.RELU: 1e-3, O.ADD: 1e-3, O.TANH: 1e-3}
    slow = dict.fromkeys(everything, 3e-3)
    told = explain("test", model, [priced("a", everything), priced("b", slow)], [SPEED], lambda *_news: None)
    assert reasons(told.devices, told.plans[SPEED], 1, SPEED)["b"] == "takes it: 3 ms, 3 mJ, 3 times as much"


def test_preferences_have_their_own_costs(explanation):
    assert explanation.plans[POWER].answers[0][0].seconds == pytest.approx(6e-3)
    heads, speed, power = compared(explanation)
    assert heads == ["preference", "time", "energy", "steps", "moves", "moved", "a", "b"]
    assert (speed[0], speed[3:]) == ("speed", ["3", "2", "1.95 KiB", "3", "1"])
    assert power[0] == "power"


def test_tables_for_the_terminal(explanation):
    assert operations(explanation)[2] == ["1", "TANH", "1 x 250", "b", "b"]
    rows = refusals(explanation.devices, explanation.plans[SPEED])[1:]
    assert rows[0] == ["a", "1", "a has no <TANH>"]
    assert ["b", "3", "b has no <ADD>"] in rows


def test_what_nobody_takes_is_a_problem_and_still_shown(model, priced):
    told = explain("test", model, [priced("a", {O.EXP: 1.0})], [SPEED, POWER], lambda *_news: None)
    (problem,) = problems(told)
    assert "a has no <TANH>" in problem
    assert operations(told)[1] == ["0", "EXP", "1 x 250", "-", "-"]
    assert compared(told)[1] == ["speed", *"------"]
    assert html.escape(problem) in page(told)
    assert told.as_json()["plans"]["LOW_POWER"]["operations"][1]["devices"]["a"]["refusal"] == "a has no <TANH>"


def test_json_has_everything(explanation):
    facts = json.loads(json.dumps(explanation.as_json()))
    assert [node["type"] for node in facts["nodes"]] == ["EXP", "TANH", "RELU", "ADD"]
    plan = facts["plans"]["FAST_SINGLE_ANSWER"]
    assert [each["device"] for each in plan["operations"]] == ["a", "b", "a", "a"]
    assert plan["operations"][1]["devices"]["b"]["why"].startswith("runs it")
    assert plan["moves"][0]["target"] == "b"
    assert plan["branches"] == []


class Checker(HTMLParser):
    """Counts elements, and finds what is not closed."""

    EMPTY = ("meta", "input")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        self.ids += [facts["id"]] if "id" in facts else []
        self.links += [facts["href"]] if "href" in facts else []
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_its_boxes_lead_to_its_rows(explanation):
    text = page(explanation)
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    rows = {f"p{plan}o{node}" for plan in "01" for node in range(4)}
    assert rows < set(checker.ids)
    assert {link.removeprefix("#") for link in checker.links} == rows
    assert "b has no &lt;EXP&gt;" in text
    assert "<EXP>" not in text
    assert not re.search(r"""(src|href)=["']?(http|//)""", text), "it needs nothing else"


def test_what_the_runtime_executes_itself_is_explained_inside(priced):
    def branch(kind):
        inner = Model()
        x, y = (inner.add_operand(OperandType.TENSOR_FLOAT32, (2,)) for _ in range(2))
        inner.add_operation(kind, [x], [y])
        inner.identify_inputs_and_outputs([x], [y])
        inner.finish()
        return inner

    model = Model()
    condition = model.add_operand(OperandType.TENSOR_BOOL8, (1,))
    branches = [model.add_operand(OperandType.MODEL) for _ in range(2)]
    for operand, kind in zip(branches, (O.EXP, O.TANH)):
        model.set_operand_value_from_model(operand, branch(kind))
    x, y = (model.add_operand(OperandType.TENSOR_FLOAT32, (2,)) for _ in range(2))
    model.add_operation(O.IF, [condition, *branches, x], [y])
    model.identify_inputs_and_outputs([condition, x], [y])
    model.finish()
    devices = [priced("a", {O.EXP: CHEAP}), priced("b", {O.TANH: CHEAP})]
    told = explain("test", model.canonical, devices, [SPEED], lambda *_news: None)
    plan = told.plans[SPEED]
    assert plan.placement == ("runtime",)
    assert [(each.role, each.plan.placement) for each in plan.branches] == [("then", ("a",)), ("else", ("b",))]
    assert "operation 0&#x27;s else" in page(told)
    assert told.as_json()["plans"]["FAST_SINGLE_ANSWER"]["branches"][1]["nodes"][0]["type"] == "TANH"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (time_told(2.5e-3), "2.5 ms"),
        (time_told(None), "-"),
        (time_told(0.0), "0 s"),
        (time_told(12.0), "12 s"),
        (time_told(3e-10), "0.3 ns"),
        (energy_told(4.2e-8), "42 nJ"),
        (bytes_told(1000), "1000 B"),
        (bytes_told(3 * 2**20), "3 MiB"),
        (ranges_told((5, 1, 2, 3)), "1-3, 5"),
    ],
)
def test_figures_in_words(told, expected):
    assert told == expected
