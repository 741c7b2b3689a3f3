"""Models as the wire can carry them, most of them against NNAPI's rules."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hal.model import Extension, Lifetime, Location, Model, Operand, Operation, PerChannelQuantization, Subgraph
from hal.types import OperandType, OperationType

indexes = st.lists(st.integers(0, 2**32 - 1), max_size=5).map(tuple)
floats = st.floats(width=32, allow_nan=False)
plain_types = st.sampled_from([each for each in OperandType if each is not OperandType.MODEL])


@st.composite
def operands(draw):
    lifetime = draw(st.sampled_from(Lifetime))
    if lifetime is Lifetime.SUBGRAPH:
        return Operand(OperandType.MODEL, lifetime=lifetime, subgraph=draw(st.integers(0, 2**32 - 1)))
    extension = draw(st.booleans())
    operand_type = draw(st.integers(2**16, 2**31 - 1) if extension else plain_types)
    dimensions = draw(st.lists(st.integers(0, 4), max_size=4).map(tuple))
    value, location = None, None
    if lifetime in (Lifetime.CONSTANT_COPY, Lifetime.CONSTANT_REFERENCE):
        if extension:
            value = draw(hnp.arrays(np.uint8, st.integers(0, 300)))
        else:
            value = draw(hnp.arrays(operand_type.dtype, dimensions))
        if lifetime is Lifetime.CONSTANT_REFERENCE:
            location = Location(draw(st.text(max_size=9)), draw(st.integers(0, 2**64 - 1)), value.nbytes)
    per_channel = draw(
        st.none()
        | st.builds(PerChannelQuantization, st.integers(0, 2**32 - 1), st.lists(floats, max_size=4).map(tuple))
    )
    return Operand(
        operand_type,
        dimensions,
        draw(floats),
        draw(st.integers(-(2**31), 2**31 - 1)),
        lifetime,
        value,
        location,
        per_channel,
        None,
        draw(st.binary(max_size=20)),
    )


operation_types = st.sampled_from(OperationType) | st.integers(2**16, 2**31 - 1)
subgraphs = st.builds(
    Subgraph,
    st.lists(operands(), max_size=6).map(tuple),
    st.lists(st.builds(Operation, operation_types, indexes, indexes), max_size=4).map(tuple),
    indexes,
    indexes,
)
models = st.builds(
    Model,
    subgraphs,
    st.lists(subgraphs, max_size=2).map(tuple),
    st.booleans(),
    st.lists(st.builds(Extension, st.text(max_size=20), st.integers(0, 2**32 - 1)), max_size=2).map(tuple),
)
