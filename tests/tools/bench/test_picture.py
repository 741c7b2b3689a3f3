import xml.etree.ElementTree as ElementTree

from tests.tools.bench.results import benchmark, result
from tools.bench.picture import picture
from tools.bench.result import ModelResult

SVG = "{http://www.w3.org/2000/svg}"


def circles(svg):
    return {
        each.find(f"{SVG}title").text: (float(each.get("cx")), float(each.get("cy")))
        for each in ElementTree.fromstring(svg).iter(f"{SVG}circle")
    }


def test_each_side_of_each_model_is_where_it_belongs():
    found = circles(picture(benchmark(result("one"), result("<two>", ours=0.001, theirs=None))))
    assert sorted(found) == [
        "<two>, nnhal: 80.0 GFLOP/s at 20.0 operations a byte",
        "one, LiteRT: 20.0 GFLOP/s at 20.0 operations a byte",
        "one, nnhal: 40.0 GFLOP/s at 20.0 operations a byte",
    ]
    (two_x, two_y), (theirs_x, theirs_y), (ours_x, ours_y) = (found[name] for name in sorted(found))
    assert two_x == theirs_x == ours_x
    assert two_y < ours_y < theirs_y  # the faster the higher, and by the same step for the same factor
    assert abs((ours_y - two_y) - (theirs_y - ours_y)) < 0.2


def test_roofs_are_those_of_the_types_that_models_have():
    both = picture(benchmark(result("one"), result("two", quantised=True)))
    assert "peak of float32, 100" in both
    assert "peak of 8 bits, 400" in both
    assert "peak of 8 bits" not in picture(benchmark(result("one")))
    assert "memory, 10 GB/s" in both


def test_a_picture_of_nothing_is_one():
    unknown = ModelResult("net", False, None, failure="DEAD_OBJECT: gone")
    assert circles(picture(benchmark(unknown))) == {}
