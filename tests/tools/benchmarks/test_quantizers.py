"""Our quantisation is at least as good as LiteRT's own, at the same scheme, on the same samples."""

from importlib.util import find_spec

import pytest

from hal.errors import BadDataError
from tools.benchmarks import quantizers

peers = pytest.mark.skipif(
    find_spec("ai_edge_quantizer") is None, reason="pip install 'nnhal[peers]' brings what it needs"
)
MODEL = "face_landmark"


@pytest.fixture(scope="module")
def comparisons(models):
    return {each.scheme: each for each in quantizers.compared(MODEL)}


@peers
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["int8", "int8, tuned", "int8, int8 edges", "weights", "weights, dynamic"])
def test_no_output_is_worse_than_what_litert_s_quantiser_makes(comparisons, scheme):
    comparison = comparisons[scheme]
    for ours, theirs in zip(comparison.ours.outputs, comparison.theirs.outputs, strict=True):
        assert ours.sqnr >= theirs.sqnr
        assert ours.cosine >= theirs.cosine


@peers
@pytest.mark.slow
def test_litert_s_quantiser_was_used_as_it_should(comparisons):
    """A network that it had been given wrongly would be far from the float one."""
    theirs = comparisons["int8"].theirs
    assert theirs.cosine > 0.99
    assert 10 < theirs.worst < theirs.mean < 60


def test_a_model_without_crops_is_refused():
    with pytest.raises(BadDataError, match="there are no crops for 'pose_detection'"):
        quantizers.compared("pose_detection")
