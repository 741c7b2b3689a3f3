"""Traces in the format that Perfetto reads."""

from collections import defaultdict

from hal.device import Span, Timing
from runtime.report import ExecutionReport, Run, StepReport
from tools.explain.trace import trace_events

NOTHING = Timing()


def spans(start):
    return (
        Span("transfer", "input 0", start, 1500),
        Span("compute", "CONV_2D", start + 1500, 500, 3),
    )


REPORT = ExecutionReport(
    (
        StepReport("npu", (3, 4), (Run(0, 2000, spans(0)), Run(2250, 2000, spans(2250))), NOTHING, 0.1),
        StepReport("cpu", (5,), (Run(2000, 250, (Span("compute", "ADD", 2000, 250, 5),)),), NOTHING, 0.1),
    ),
    NOTHING,
    0.2,
)


def tracks(document):
    """The slices of each process and thread, by name."""
    events = document["traceEvents"]
    processes = {each["pid"]: each["args"]["name"] for each in events if each["name"] == "process_name"}
    threads = {(each["pid"], each["tid"]): each["args"]["name"] for each in events if each["name"] == "thread_name"}
    found = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            key = processes[event["pid"]], threads[event["pid"], event["tid"]]
            found[key].append((event["name"], event["ts"], event["dur"], event["args"]))
    return dict(found)


def test_each_device_is_a_process_and_each_part_of_it_a_thread():
    assert tracks(trace_events(REPORT)) == {
        ("steps", "npu"): [
            ("operations 3-4 on npu", 0.0, 2.0, {"step": 0}),
            ("operations 3-4 on npu", 2.25, 2.0, {"step": 0}),
        ],
        ("npu", "transfer"): [("input 0", 0.0, 1.5, {"step": 0}), ("input 0", 2.25, 1.5, {"step": 0})],
        ("npu", "compute"): [
            ("CONV_2D", 1.5, 0.5, {"step": 0, "operation": 3}),
            ("CONV_2D", 3.75, 0.5, {"step": 0, "operation": 3}),
        ],
        ("steps", "cpu"): [("operation 5 on cpu", 2.0, 0.25, {"step": 1})],
        ("cpu", "compute"): [("ADD", 2.0, 0.25, {"step": 1, "operation": 5})],
    }


def test_threads_of_different_processes_have_different_numbers():
    numbers = [
        (event["pid"], event["tid"]) for event in trace_events(REPORT)["traceEvents"] if event["name"] == "thread_name"
    ]
    assert len(set(numbers)) == len(numbers) == 5
