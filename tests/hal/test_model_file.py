"""Files of models: what comes back, and that nothing damaged, foreign or newer is taken for a model."""

import hashlib
import os
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.errors import BadDataError
from hal.memory import ALIGNMENT, Folder, Region
from hal.metadata import Metadata, Preprocessing
from hal.model import Lifetime, Location, Model, Operand, Operation, Subgraph
from hal.model_file import MAGIC, MAPPED_ABOVE, VERSION, ModelFile, save_model
from hal.types import OperandType, OperationType
from hal.validation import validate_model
from hal.wire import INLINE_LIMIT, model_to_wire
from protos.nnhal.v1 import file_pb2
from tests.hal.strategies import models
from tests.support import constant

HEADER = 64
METADATA = Metadata("small", "a test", Preprocessing(mean=(127.5,), std=(127.5,)))


@pytest.fixture(scope="module")
def folder():
    folder = Folder()
    yield folder
    folder.remove()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "model.nnhal"


def read(path, folder):
    file = ModelFile(path)
    return file.model(Region.from_descriptor(folder, file.descriptor, file.size, writable=False))


SHAPE = (9, 115)
SIZE = 9 * 115 * 4
assert MAPPED_ABOVE < SIZE < MAPPED_ABOVE + ALIGNMENT


def weights(seed, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def network(*constants):
    """x + each of the constants, one after the other."""
    operands = [Operand(OperandType.TENSOR_FLOAT32, SHAPE, lifetime=Lifetime.SUBGRAPH_INPUT), constant(0)]
    operations = []
    for value in constants:
        before = 0 if not operations else operations[-1].outputs[0]
        operands += [constant(value), Operand(OperandType.TENSOR_FLOAT32, SHAPE)]
        operations.append(Operation(OperationType.ADD, (before, len(operands) - 2, 1), (len(operands) - 1,)))
    last = operations[-1].outputs[0]
    operands[last] = Operand(OperandType.TENSOR_FLOAT32, SHAPE, lifetime=Lifetime.SUBGRAPH_OUTPUT)
    model = Model(Subgraph(tuple(operands), tuple(operations), (0,), (last,)))
    validate_model(model)
    return model


@pytest.fixture(scope="module")
def intact(path):
    """A file's bytes, its structure, and where its constants begin."""
    save_model(path, network(weights(1), weights(2)), METADATA)
    content = path.read_bytes()
    deflated, constants = struct.unpack_from("<QQ", content, 16)
    return content, zlib.decompress(content[HEADER : HEADER + deflated]), len(content) - constants


def comparable(model, *, region=None):
    """The model but for how its constants are kept."""

    def plain(operand):
        value = None if operand.value is None else (operand.value.dtype, operand.value.shape, operand.value.tobytes())
        lifetime = None if operand.is_constant else operand.lifetime
        facts = (operand.type, operand.dimensions, operand.scale, operand.zero_point, operand.per_channel)
        if region is not None and operand.is_constant:
            large = operand.value.nbytes > MAPPED_ABOVE
            assert operand.lifetime is (Lifetime.CONSTANT_REFERENCE if large else Lifetime.CONSTANT_COPY)
            assert (operand.location is not None) == large
            assert not operand.value.flags.writeable
        return (*facts, lifetime, value, operand.subgraph, operand.extension_data)

    subgraphs = [
        (tuple(map(plain, each.operands)), each.operations, each.inputs, each.outputs)
        for each in (model.main, *model.referenced)
    ]
    return subgraphs, model.relaxed, model.extensions


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(models)
def test_models_come_back_as_they_were(path, folder, model):
    save_model(path, model, METADATA)
    assert comparable(read(path, folder), region=True) == comparable(model)
    file = ModelFile(path)
    file.verify()
    assert file.metadata == METADATA


def test_large_constants_lie_aligned_in_the_file_and_are_mapped(path, folder):
    values = [weights(1), weights(2)]
    save_model(path, network(*values), Metadata())
    file = ModelFile(path)
    region = Region.from_descriptor(folder, file.descriptor, file.size, writable=False)
    kept = [operand for operand in file.model(region).main.operands if operand.location is not None]
    content = path.read_bytes()
    for operand, value in zip(kept, values):
        place = operand.location
        assert place.region == region.name
        assert place.offset % ALIGNMENT == 0
        assert content[place.offset : place.offset + place.length] == value.tobytes()
        assert np.shares_memory(operand.value, region.data)
    assert len(kept) == 2


def test_large_integers_are_mapped_too(path, folder):
    value = Operand(
        OperandType.TENSOR_QUANT8_ASYMM,
        (5000,),
        0.5,
        lifetime=Lifetime.CONSTANT_COPY,
        value=np.arange(5000).astype(np.uint8),
    )
    save_model(path, Model(Subgraph((value,), (), (), ())), Metadata())
    file = ModelFile(path)
    region = Region.from_descriptor(folder, file.descriptor, file.size, writable=False)
    assert np.shares_memory(file.model(region).main.operands[0].value, region.data)


def test_equal_constants_are_there_once(path, folder):
    save_model(path, network(weights(1), weights(2), weights(1)), Metadata())
    file = ModelFile(path)
    assert file.constants == 2
    assert file.constants_size == -(-SIZE // ALIGNMENT) * ALIGNMENT + SIZE
    model = read(path, folder)
    first, second, third = (model.main.operands[index] for index in (2, 4, 6))
    assert first.location == third.location != second.location


def test_constants_of_up_to_a_page_take_no_room_beside_the_structure(path, folder):
    values = [weights(1, SHAPE[1:]), weights(2, (MAPPED_ABOVE // 4,)), weights(3, (MAPPED_ABOVE // 4 + 1,))]
    operands = [constant(value) for value in values]
    save_model(path, Model(Subgraph(tuple(operands), (), (), ())), Metadata())
    file = ModelFile(path)
    assert (file.constants, file.constants_size) == (1, MAPPED_ABOVE + 4)
    assert [operand.location is None for operand in read(path, folder).main.operands] == [True, True, False]


def test_what_repeats_in_a_structure_takes_little_room(path):
    """Many operands that differ in little, as those of deep networks do."""
    save_model(path, network(weights(1)), Metadata())
    short = ModelFile(path).structure_size
    save_model(path, network(*[weights(1)] * 200), Metadata())
    assert ModelFile(path).structure_size < short + 200 * 12


def test_the_same_model_gives_the_same_bytes(path, intact):
    save_model(path.with_name("again"), network(weights(1), weights(2)), METADATA)
    assert path.with_name("again").read_bytes() == intact[0]


def test_the_file_begins_as_documented(intact):
    content, structure, start = intact
    assert content[:8] == MAGIC == b"\x89nnhal\r\n"
    assert struct.unpack_from("<I", content, 8) == (VERSION,) == (2,)
    inflated, deflated = struct.unpack_from("<IQ", content, 12)
    assert start == -(-(HEADER + deflated) // 64) * 64
    assert inflated == len(structure)
    message = file_pb2.ModelFile.FromString(structure)
    assert message.metadata.name == "small"
    assert content[32:64] == hashlib.sha256(content[:32] + content[64:start]).digest()
    for entry in message.constants:
        data = content[start + entry.offset : start + entry.offset + entry.length]
        assert hashlib.sha256(data).digest() == entry.sha256


def test_any_changed_byte_before_the_constants_is_noticed(path, intact):
    content, _, start = intact
    generator = random.Random(0)
    for place in range(start):
        changed = bytearray(content)
        changed[place] ^= 1 << generator.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(BadDataError, match=r"damaged|is not a \.nnhal file"):
            ModelFile(path)


def test_any_changed_byte_of_the_constants_is_noticed_when_asked(path, intact):
    content, _, start = intact
    reasons = set()
    for place in range(start, len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        file = ModelFile(path)
        with pytest.raises(BadDataError, match="damaged") as raised:
            file.verify()
        reasons.add(str(raised.value).partition("damaged")[2])
    assert reasons == {
        ": the SHA-256 of operand 2 is another one",
        " before operand 4: there must be zeros",
        ": the SHA-256 of operand 4 is another one",
    }


def test_a_file_cut_short_anywhere_is_refused(path, intact):
    content = intact[0]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(BadDataError, match=r"cut short|its header has|is not a \.nnhal file"):
            ModelFile(path)


@pytest.mark.parametrize("rest", [b"\0", b"garbage", bytes(64)])
def test_a_file_with_more_at_its_end_is_refused(path, intact, rest):
    path.write_bytes(intact[0] + rest)
    with pytest.raises(BadDataError, match="goes on where it should end"):
        ModelFile(path)


def forged(content, version=VERSION):
    """The file with its header's digest made right again."""
    inflated, deflated, constants = struct.unpack_from("<IQQ", content, 12)
    header = struct.pack("<8sIIQQ", MAGIC, version, inflated, deflated, constants)
    end = -(-(HEADER + deflated) // 64) * 64
    return header + hashlib.sha256(header + content[HEADER:end]).digest() + content[HEADER:]


def assembled(kept, constants, *, version=VERSION, inflated=0):
    """A file whose header fits the structure as it is kept, and the constants."""
    header = struct.pack("<8sIIQQ", MAGIC, version, inflated, len(kept), len(constants))
    kept += bytes(-(HEADER + len(kept)) % 64)
    return header + hashlib.sha256(header + kept).digest() + kept + constants


def with_structure(intact, message):
    """A sound file but for what its structure says."""
    content, _, start = intact
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return assembled(zlib.compress(body), content[start:], inflated=len(body))


def test_newer_files_are_refused_as_such(path, intact):
    path.write_bytes(forged(intact[0], version=3))
    with pytest.raises(BadDataError, match="format version is 3 and this nnhal reads 1 to 2: it is written by a newer"):
        ModelFile(path)


def test_there_was_no_version_before_the_first(path, intact):
    path.write_bytes(forged(intact[0], version=0))
    with pytest.raises(BadDataError, match="format version is 0 and this nnhal reads 1 to 2: it is damaged"):
        ModelFile(path)


def test_files_of_version_1_are_still_read(path, folder):
    """Their structure is not deflated, and constants of over 128 bytes lie outside it."""
    value = weights(1, (3, 21))
    small = weights(2, (INLINE_LIMIT // 4,))
    model = Model(Subgraph((constant(value), constant(small)), (), (), ()))
    place = Location("", 0, value.nbytes)
    message = file_pb2.ModelFile(model=model_to_wire(model, lambda data, _: place))
    message.model.main.operands[0].lifetime = Lifetime.CONSTANT_REFERENCE
    message.constants.add(offset=0, length=value.nbytes, sha256=hashlib.sha256(value.tobytes()).digest())
    path.write_bytes(assembled(message.SerializeToString(), value.tobytes(), version=1))
    file = ModelFile(path)
    file.verify()
    assert file.constants == 1
    for operand, expected in zip(read(path, folder).main.operands, (value, small)):
        np.testing.assert_array_equal(operand.value, expected)


@pytest.mark.parametrize(
    ("keep", "inflated", "reason"),
    [
        (lambda body: zlib.compress(body), -1, "not as large as its header says"),
        (lambda body: zlib.compress(body), 1, "not as large as its header says"),
        (lambda body: zlib.compress(body)[:-1], 0, "not as large as its header says"),
        (lambda body: zlib.compress(body) + b"\0", 0, "not as large as its header says"),
        (lambda body: zlib.compress(body + bytes(1 << 24)), 0, "not as large as its header says"),
        (lambda body: body, 0, "can't be inflated"),
        (lambda body: b"", 0, "not as large as its header says"),
    ],
)
def test_structures_that_do_not_inflate_to_what_the_header_says(path, intact, keep, inflated, reason):
    content, structure, start = intact
    path.write_bytes(assembled(keep(structure), content[start:], inflated=len(structure) + inflated))
    with pytest.raises(BadDataError, match=f"damaged: its structure .*{reason}"):
        ModelFile(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"is not a \.nnhal file"),
        (b"\x1c\0\0\0TFL3" + bytes(100), r"is not a \.nnhal file"),
        (b"\x89nnhal\n" + bytes(100), r"is not a \.nnhal file"),
        (MAGIC, "its header has 8 bytes of 64"),
        (MAGIC + struct.pack("<I4xQQ", VERSION, 2**63, 2**63) + bytes(32), "cut short"),
    ],
)
def test_foreign_files(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=reason):
        ModelFile(path)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, reason in [
        (tmp_path, "it is not a file"),
        (tmp_path / "pipe", "it is not a file"),
        (tmp_path / "absent", "No such file"),
        ("nul\0", "can't be read"),
        (None, "can't be read"),
    ]:
        with pytest.raises(BadDataError, match=reason):
            ModelFile(path)


def changed_constants(change):
    def apply(message):
        change(message.constants)

    return apply


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed_constants(lambda entries: entries.pop()), "not as large as its header says"),
        (changed_constants(lambda entries: entries.pop(0)), "contradicts itself"),
        (changed_constants(lambda entries: setattr(entries[1], "offset", 128)), "contradicts itself"),
        (changed_constants(lambda entries: setattr(entries[1], "sha256", b"")), "contradicts itself"),
        (changed_constants(lambda entries: setattr(entries[1], "length", 2**60)), "not as large"),
        (
            lambda message: setattr(message.model.main.operands[2].location.shared, "offset", 64),
            "operand 2 is a constant that it does not have",
        ),
        (
            lambda message: setattr(message.model.main.operands[2].location.shared, "region", "app-1-a/r0"),
            "operand 2 is a constant that it does not have",
        ),
        (lambda message: message.model.main.operands[2].dimensions.append(2), f"operand 2: its value has {SIZE} bytes"),
        (lambda message: setattr(message.model.main.operands[2], "type", 99), "operand type 99 is unknown"),
        (lambda message: setattr(message.metadata.preprocessing, "fit", 9), "preprocessing is unknown"),
    ],
)
def test_structures_that_contradict_themselves(path, folder, intact, change, reason):
    message = file_pb2.ModelFile.FromString(intact[1])
    change(message)
    path.write_bytes(with_structure(intact, message))
    with pytest.raises(BadDataError, match=reason):
        read(path, folder)


@given(st.data())
def test_forged_structures_never_do_worse_than_being_refused(path, folder, intact, data):
    body = bytearray(intact[1])
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=8)):
        body[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(body)))
    path.write_bytes(with_structure(intact, bytes(body[:cut])))
    try:
        model = read(path, folder)
        validate_model(model)
        ModelFile(path).verify()
    except BadDataError:
        return
    for operand in model.main.operands:
        if operand.value is not None:
            operand.value.tobytes()  # all of it is there


@given(st.binary(max_size=300))
def test_anything_behind_the_magic_is_refused(path, rest):
    path.write_bytes(MAGIC + rest)
    with pytest.raises(BadDataError):
        ModelFile(path)


def test_opening_reads_no_constant(path, folder):
    """They are 64 GB that nobody has: holes in the file."""
    body = file_pb2.ModelFile()
    main = body.model.main
    count, size = 16, 2**32 - 64
    for number in range(count):
        body.constants.add(offset=number * size, length=size, sha256=bytes(32))
        operand = main.operands.add(type=OperandType.TENSOR_QUANT8_ASYMM, dimensions=[size], scale=1.0)
        operand.lifetime = Lifetime.CONSTANT_REFERENCE
        operand.location.shared.offset = number * size
        operand.location.shared.length = size
    structure = body.SerializeToString()
    kept = zlib.compress(structure)
    header = struct.pack("<8sIIQQ", MAGIC, VERSION, len(structure), len(kept), count * size)
    kept += bytes(-(HEADER + len(kept)) % 64)
    path.write_bytes(header + hashlib.sha256(header + kept).digest() + kept)
    os.truncate(path, HEADER + len(kept) + count * size)
    model = read(path, folder)
    assert sum(operand.value.nbytes for operand in model.main.operands) == count * size
    path.unlink()


def test_a_file_changed_after_it_was_verified_is_verified_again(path, intact):
    content, _, start = intact
    path.write_bytes(content)
    file = ModelFile(path)
    file.verify()
    with path.open("r+b") as writer:
        writer.seek(start)
        writer.write(b"?")
    os.utime(path, ns=(1, 1))
    with pytest.raises(BadDataError, match="operand 2 is another one"):
        file.verify()
    os.truncate(path, start)
    with pytest.raises(BadDataError, match="cut short"):
        file.verify()
