"""Layered layouts: boxes below what they read, apart from each other, and lines that end at them."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.explain.layout import Sizes, layered

SIZES = Sizes()


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 25))
    pairs = list(itertools.combinations(range(count), 2))
    return count, draw(st.lists(st.sampled_from(pairs), unique=True, max_size=40)) if pairs else []


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_boxes_do_not_touch_and_lines_go_down(graph):
    count, edges = graph
    drawing = layered(count, edges, SIZES)
    assert len(drawing.boxes) == count
    for (x, y), (other_x, other_y) in itertools.combinations(drawing.boxes, 2):
        assert abs(x - other_x) >= SIZES.width - 1e-6 or abs(y - other_y) >= SIZES.pitch
    for (first, last), line in zip(edges, drawing.lines):
        assert (line[0], line[-1]) == (drawing.boxes[first], drawing.boxes[last])
        assert all(lower > upper for (_, upper), (_, lower) in itertools.pairwise(line))
    for x, y in drawing.boxes:
        assert SIZES.width / 2 - 1e-6 <= x <= drawing.width - SIZES.width / 2 + 1e-6
        assert SIZES.height / 2 <= y <= drawing.height - SIZES.height / 2


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_lines_pass_boxes_by(graph):
    count, edges = graph
    drawing = layered(count, edges, SIZES)
    for line in drawing.lines:
        for x, y in line[1:-1]:
            assert all(abs(x - box) >= SIZES.width / 2 - 1e-6 or abs(y - height) > 1 for box, height in drawing.boxes)


def test_a_chain_is_straight_and_a_diamond_symmetric():
    chain = layered(4, [(0, 1), (1, 2), (2, 3)])
    assert len({x for x, _ in chain.boxes}) == 1
    top, left, right, bottom = layered(4, [(0, 1), (0, 2), (1, 3), (2, 3)]).boxes
    assert top[0] == bottom[0] == (left[0] + right[0]) / 2  # exact: all are multiples of 1/2
    assert left[1] == right[1]


def test_what_reads_nothing_stands_above_its_reader():
    boxes = layered(4, [(0, 1), (1, 2), (3, 2)]).boxes
    assert boxes[3][1] == boxes[1][1]
