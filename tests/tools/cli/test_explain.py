"""``nnhal explain`` and ``nnhal trace``, with real drivers."""

import json

import pytest

MODEL = "hand_recrop"


@pytest.fixture
def figures(nnhal, models, tmp_path):
    """Explains the model and returns what the JSON file says."""

    def run(*arguments, **environment):
        path = tmp_path / "explained.json"
        result = nnhal("explain", models[MODEL], "--json", path, *arguments, **environment)
        assert result.code == 0, result.err
        return json.loads(path.read_text()), result.out

    return run


def test_all_preferences_are_compared(figures, tmp_path):
    page = tmp_path / "page.html"
    facts, out = figures("--devices", "cpu,gpu", "--relaxed", "--html", page)
    assert facts["devices"] == ["cpu", "gpu"]
    assert facts["relaxed"]
    assert list(facts["plans"]) == ["FAST_SINGLE_ANSWER", "SUSTAINED_SPEED", "LOW_POWER"]
    fast, _, frugal = facts["plans"].values()
    assert fast["seconds"] <= frugal["seconds"]
    assert frugal["joules"] <= fast["joules"]
    for plan in facts["plans"].values():
        assert plan["seconds"] > 0
        assert sorted(number for step in plan["steps"] for number in step["operations"]) == list(
            range(len(facts["nodes"]))
        )
        for operation in plan["operations"]:
            assert operation["devices"][operation["device"]]["refusal"] == ""
    for name in ("speed", "sustained", "power"):
        assert name in out
    assert "<svg" in page.read_text()


def test_refusals_are_the_devices_words(figures):
    facts, out = figures("--prefer", "power")
    (plan,) = facts["plans"].values()
    refused = [each["devices"]["dsp"]["refusal"] for each in plan["operations"]]
    assert all("integers" in refusal for refusal in refused), "a DSP does not take float32"
    assert "Refusals" in out
    assert refused[0] in " ".join(out.split())


def test_a_model_that_the_devices_do_not_take_is_explained_all_the_same(nnhal, models):
    result = nnhal("explain", models[MODEL], "--devices", "dsp", "--prefer", "speed")
    assert result.code == 1
    assert "Refusals" in result.out
    assert result.complaint.startswith("nnhal: BAD_DATA: no device takes operation 0 (CONV_2D): dsp: ")


def test_a_trace_has_the_tracks_of_every_device(nnhal, models, tmp_path):
    path = tmp_path / "trace.json"
    result = nnhal("trace", models[MODEL], "--devices", "cpu,gpu", "--relaxed", "--out", path, "--json")
    assert result.code == 0, result.err
    told = json.loads(result.out)
    events = json.loads(path.read_text())["traceEvents"]
    processes = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert processes == {"steps", *(step["device"] for step in told["steps"])}
    tracks = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"queue", "compute"} <= tracks
    end = max(event["ts"] + event["dur"] for event in events if event["ph"] == "X")
    whole_nanoseconds = 0.001 * len(events)  # each span's begin and end are rounded to them
    assert end == pytest.approx(sum(step["milliseconds"] for step in told["steps"]) * 1e3, abs=whole_nanoseconds)
    assert told["milliseconds"] * 1e3 == pytest.approx(end, abs=whole_nanoseconds)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--devices", "nobody"), 1, "UNAVAILABLE_DEVICE: there is no device 'nobody'"),
        (("--json", "/nowhere/x.json"), 1, "BAD_DATA: /nowhere/x.json can't be written"),
        (("--devices", "cpu,cpu"), 2, "not a list of different names"),
        (("--devices", "cpu,"), 2, "not a list of different names"),
        (("--prefer", "beauty"), 2, "invalid choice: 'beauty'"),
    ],
)
def test_wrong_usage_is_said(nnhal, models, arguments, code, sentence):
    result = nnhal("explain", models[MODEL], *arguments)
    assert result.code == code
    assert sentence in result.err


def test_a_trace_needs_a_place(nnhal, models):
    assert nnhal("trace", models[MODEL]).code == 2
    result = nnhal("trace", models[MODEL], "--out", "/nowhere/t.json")
    assert (result.code, "can't be written" in result.complaint) == (1, True)


def test_a_name_that_is_no_model(nnhal):
    assert nnhal("explain", "unheard_of").complaint.startswith("nnhal: BAD_DATA: there is no model 'unheard_of'")
