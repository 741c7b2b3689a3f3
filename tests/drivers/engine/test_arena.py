from hypothesis import given
from hypothesis import strategies as st

from drivers.engine.arena import Lifespan, plan
from hal.memory import ALIGNMENT, aligned

lifespans = st.lists(
    st.builds(
        lambda size, first, length: Lifespan(size, first, first + length),
        st.integers(1, 5000),
        st.integers(0, 20),
        st.integers(0, 10),
    ),
    max_size=30,
)


@given(lifespans)
def test_lifespans_that_meet_share_no_byte(spans):
    offsets, size = plan(spans)
    for i, (a, at_a) in enumerate(zip(spans, offsets)):
        assert at_a % ALIGNMENT == 0
        assert at_a + a.size <= size
        for b, at_b in zip(spans[:i], offsets[:i]):
            if a.first <= b.last and b.first <= a.last:
                assert at_a + a.size <= at_b or at_b + b.size <= at_a


@given(lifespans)
def test_the_arena_is_no_larger_than_everything_and_no_smaller_than_the_busiest_moment(spans):
    _, size = plan(spans)
    assert size <= sum(aligned(span.size) for span in spans)
    busiest = max((sum(s.size for s in spans if s.first <= t <= s.last) for t in range(31)), default=0)
    assert size >= busiest


def test_where_the_largest_first_would_waste_memory_another_order_is_found():
    spans = [
        Lifespan(size * ALIGNMENT, first, last) for size, first, last in [(1, 0, 1), (2, 2, 2), (2, 0, 0), (1, 1, 2)]
    ]
    assert plan(spans)[1] == 3 * ALIGNMENT  # as many as are needed at moments 0 and 2; the largest first takes 4


def test_a_chain_needs_two_buffers():
    chain = [Lifespan(ALIGNMENT, i, i + 1) for i in range(10)]
    assert plan(chain)[1] == 2 * ALIGNMENT
