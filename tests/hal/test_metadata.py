import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.errors import BadDataError
from hal.metadata import Fit, Layout, Metadata, Preprocessing, metadata_from_wire, metadata_to_wire
from protos.nnhal.v1 import file_pb2

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-300, allow_infinity=False)
preprocessings = st.builds(
    Preprocessing,
    st.sampled_from(Fit),
    st.floats(0, 1, exclude_min=True),
    st.lists(finite, min_size=1, max_size=4).map(tuple),
    st.lists(positive, min_size=1, max_size=4).map(tuple),
    st.sampled_from(Layout),
)


@given(st.builds(Metadata, st.text(), st.text(), st.none() | preprocessings))
def test_metadata_come_back_as_they_were(metadata):
    message = file_pb2.Metadata.FromString(metadata_to_wire(metadata).SerializeToString())
    assert metadata_from_wire(message) == metadata


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"crop": 0}, "crops to 0 of each side"),
        ({"crop": 1.5}, "crops to 1.5"),
        ({"crop": math.nan}, "crops to nan"),
        ({"mean": ()}, "mean is"),
        ({"mean": (math.inf,)}, "mean is"),
        ({"std": ()}, "std is"),
        ({"std": (1.0, 0.0)}, "std is"),
    ],
)
def test_preprocessing_that_can_not_be(change, reason):
    with pytest.raises(BadDataError, match=reason):
        Preprocessing(**change)


@pytest.mark.parametrize("change", [{"fit": 3}, {"layout": 2}])
def test_a_message_with_unknown_words_is_refused(change):
    message = metadata_to_wire(Metadata(preprocessing=Preprocessing()))
    for name, value in change.items():
        setattr(message.preprocessing, name, value)
    with pytest.raises(BadDataError, match="the preprocessing is unknown"):
        metadata_from_wire(message)
