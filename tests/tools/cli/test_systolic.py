"""``nnhal systolic``."""

import json
import time

import pytest

from drivers.npu.systolic import Dataflow, SystolicArray, estimate
from hal.errors import BadDataError
from tools.topology import read_topology

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


def resnet50():
    """ResNet-50's layers as a topology; feature maps are what the filters see of them, padding included."""
    layers = []

    def add(name, out, window, channels, filters, stride=1):
        seen = (out - 1) * stride + window
        layers.append((name, seen, seen, window, window, channels, filters, stride))

    add("stem", 112, 7, 3, 64, stride=2)
    channels, size = 64, 56
    for stage, (blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], start=2):
        for block in range(blocks):
            stride = 2 if stage > 2 and block == 0 else 1
            name = f"conv{stage}_{block + 1}"
            add(f"{name}_reduce", size, 1, channels, width)
            size //= stride
            add(f"{name}_spatial", size, 3, width, width, stride)
            add(f"{name}_expand", size, 1, width, 4 * width)
            if block == 0:
                add(f"{name}_shortcut", size, 1, channels, 4 * width, stride)
            channels = 4 * width
    add("classify", 1, 1, channels, 1000)
    return HEADER + "".join(", ".join(map(str, layer)) + ",\n" for layer in layers)


@pytest.fixture
def topology(tmp_path):
    def write(text):
        path = tmp_path / "net.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_systolic(nnhal, topology):
    path = topology(f"{HEADER}\nfirst, 56,56,3,3,16,32,1, # 3 x 3\r\n\n  , ,,\nlast,1,1,1,1,1024,1000,1\n")
    common = ("systolic", "--rows", 32, "--cols", 32, "--dataflow", "ws", "--layers", path)
    first, last = json.loads(nnhal(*common, "--json").out)
    assert (first["layer"], first["compute_cycles"], first["total_cycles"]) == ("first", 15049, 15049)
    assert (last["layer"], last["compute_cycles"]) == ("last", 97279)
    assert first["utilization"] == 54 * 54 * 144 * 32 / (32 * 32 * 15049)
    slow = json.loads(nnhal(*common, "--json", "--bandwidth", 0.5).out)
    for each in slow:
        assert each["total_cycles"] >= sum(each["traffic_bytes"].values()) / 0.5
    table = nnhal(*common).out
    assert all(word in table for word in ("layer", "compute_cycles", "total_cycles", "utilization", "15,049", "last"))


def test_resnet50_takes_no_time(topology):
    layers = read_topology(topology(resnet50()))
    assert len(layers) == 54
    assert sum(layer.product.macs for _, layer in layers) == 4_089_184_256  # the well-known 4.1 billion
    start = time.process_time()
    for dataflow in Dataflow:
        for _, layer in layers:
            estimate(layer, SystolicArray(32, 32, dataflow), bandwidth=16)
    assert time.process_time() - start < 1


def test_depthwise_layers_are_one_for_each_channel(topology):
    layers = read_topology(topology(HEADER + "DP3, 8, 8, 3, 3, 5, 2, 1,\n"))
    assert [name for name, _ in layers] == [f"DP3Channel_{channel}" for channel in range(5)]
    assert {(layer.channels, layer.filters) for _, layer in layers} == {(1, 2)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; it must start with a header"),
        ("a, 8, 8, 3, 3, 1, 1, 1,\n", "line 1: a layer stands where the header must"),
        (HEADER + "\na, 8, 8, three, 3, 1, 1, 1,", "line 3, column 4 (Filter Height): 'three' is not a whole number"),
        (HEADER + "a, 8, 8, 3, 3, 1, 0, 1,", "line 2, column 7 (Num Filter): '0' is not a whole number from 1"),
        (HEADER + "a, 8, , 3, 3, 1, 1, 1,", "line 2, column 3 (IFMAP Width): '' is not a whole number"),
        (HEADER + "a, 8, 8, 3, 3, 1, 99999999999, 1,", "column 7 (Num Filter): '99999999999' is not"),
        (HEADER + "a, 8, 8, 3, 3, 1, 1,", "line 2, column 8 (Strides) is missing"),
        (HEADER + "a, 8, 8, 3, 3, 1, 1, 1, 2:4,", "line 2, column 9: '2:4' is one too many"),
        (HEADER + "a, 8, 8, 3, 9, 1, 1, 1,", "line 2, columns 4 and 5: a filter of 3 by 9 is larger"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
    ],
)
def test_what_is_wrong_is_named(topology, text, words):
    with pytest.raises(BadDataError) as caught:
        read_topology(topology(text))
    assert words in str(caught.value)


def test_dense_layers_may_say_so(topology):
    ((_, layer),) = read_topology(topology(HEADER + "a, 8, 8, 3, 3, 1, 1, 1, 1:1,"))
    assert layer.stride == 1


@pytest.mark.parametrize(
    ("option", "value"), [("--rows", "0"), ("--cols", "x"), ("--dataflow", "rs"), ("--bandwidth", "-1")]
)
def test_wrong_usage(nnhal, topology, option, value):
    options = {"--rows": "8", "--cols": "8", "--dataflow": "os", "--layers": topology(HEADER), option: value}
    result = nnhal("systolic", *(word for pair in options.items() for word in pair))
    assert result.code == 2
    assert value in result.err


def test_a_file_that_is_not_there(nnhal, tmp_path):
    result = nnhal("systolic", "--rows", 8, "--cols", 8, "--dataflow", "os", "--layers", tmp_path / "none.csv")
    assert result.code == 1
    assert result.complaint.startswith(f"nnhal: BAD_DATA: {tmp_path / 'none.csv'} can't be read: No such file")
