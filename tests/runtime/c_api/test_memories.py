"""Memories, and descriptors of memories, by calls of C."""

from __future__ import annotations

import mmap
import os
from contextlib import contextmanager

import numpy as np
import pytest

from hal.types import ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import MODES, compute, new_memory

R = ResultCode
READ, WRITE = mmap.PROT_READ, mmap.PROT_WRITE
SIZE = 24  # bytes of the model's inputs and outputs

pytestmark = pytest.mark.usefixtures("two_devices")


@pytest.fixture
def compilation(nn):
    return clients.new_compilation(nn, clients.add_model(nn), ["cpu"])


@pytest.fixture
def descriptor(tmp_path):
    """Of a file of 100 bytes, 0 to 99."""
    path = tmp_path / "content"
    path.write_bytes(bytes(range(100)))
    opened = os.open(path, os.O_RDWR)
    yield opened
    os.close(opened)


def create_from_fd(nn, *arguments):
    """The result code and the memory."""
    place = nn.ffi.new("ANeuralNetworksMemory**", nn.ffi.cast("ANeuralNetworksMemory*", 1))
    return nn.lib.ANeuralNetworksMemory_createFromFd(*arguments, place), place[0]


# From descriptors of files


def test_create_from_fd_needs_a_place(nn, descriptor):
    assert nn.lib.ANeuralNetworksMemory_createFromFd(20, READ, descriptor, 0, nn.ffi.NULL) == R.UNEXPECTED_NULL


@pytest.mark.parametrize(("size", "protection", "offset"), [
    (0, READ | WRITE, 0), (20, 0, 0), (20, WRITE, 0), (20, READ | mmap.PROT_EXEC, 0), (20, -1, 0), (20, 64, 0),
])  # fmt: skip
def test_no_memory(nn, descriptor, size, protection, offset):
    assert create_from_fd(nn, size, protection, descriptor, offset) == (R.BAD_DATA, nn.ffi.NULL)


@pytest.mark.parametrize("number", [-1, -(2**31), 10**6, 2**31 - 1])
def test_no_descriptor(nn, number):
    assert create_from_fd(nn, 20, READ, number, 0) == (R.BAD_DATA, nn.ffi.NULL)


@pytest.mark.parametrize(
    ("size", "offset"), [(101, 0), (1, 100), (20, 90), (2**40, 0), (2**64 - 1, 0), (20, 2**64 - 10)]
)
def test_more_than_the_file_holds(nn, descriptor, size, offset):
    code, memory = create_from_fd(nn, size, READ, descriptor, offset)
    assert code in (R.BAD_DATA, R.UNMAPPABLE)
    assert memory == nn.ffi.NULL


def test_what_can_not_be_mapped(nn, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "file").write_bytes(bytes(20))
    read_only = os.open(tmp_path / "file", os.O_RDONLY)
    theirs, ours = os.pipe()
    for number in (folder, theirs, os.eventfd(0)):
        code, memory = create_from_fd(nn, 20, READ, number, 0)
        assert code in (R.BAD_DATA, R.UNMAPPABLE)
        assert memory == nn.ffi.NULL
    assert create_from_fd(nn, 20, READ | WRITE, read_only, 0) == (R.UNMAPPABLE, nn.ffi.NULL)
    code, memory = create_from_fd(nn, 20, READ, read_only, 0)
    clients.ok(code)
    nn.lib.ANeuralNetworksMemory_free(memory)
    for number in (folder, theirs, ours, read_only):
        os.close(number)


def test_hardware_buffers_are_refused(nn):
    create, place = nn.lib.ANeuralNetworksMemory_createFromAHardwareBuffer, nn.ffi.new("ANeuralNetworksMemory**")
    buffer = nn.ffi.cast("AHardwareBuffer*", nn.ffi.new("char[64]"))
    assert create(buffer, nn.ffi.NULL) == R.UNEXPECTED_NULL
    for given, code in ((nn.ffi.NULL, R.UNEXPECTED_NULL), (buffer, R.UNMAPPABLE)):
        place[0] = nn.ffi.cast("ANeuralNetworksMemory*", 1)
        assert create(given, place) == code
        assert place[0] == nn.ffi.NULL


def test_free_takes_null_and_does_nothing_twice(nn):
    memory, _ = new_memory(nn, 20)
    nn.lib.ANeuralNetworksMemory_free(nn.ffi.NULL)
    for _ in range(2):
        nn.lib.ANeuralNetworksMemory_free(memory)


def test_constants_are_used_where_a_file_has_them(nn, tmp_path):
    """Two sums: input 0 + a constant, that + another; both constants are in one file, at offsets of any kind."""
    lib, path = nn.lib, tmp_path / "weights"
    first, second, given = (np.arange(12, dtype=np.float32) * factor for factor in (1, 100, 10000))
    path.write_bytes(bytes(20) + first.tobytes() + bytes(112) + second.tobytes())
    descriptor = os.open(path, os.O_RDONLY)
    code, memory = create_from_fd(nn, 20 + 48 + 112 + 48, READ, descriptor, 0)
    os.close(descriptor)
    clients.ok(code)
    model = clients.new_model(nn)
    for _ in range(5):
        clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (3, 4))
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.set_scalar(nn, model, 5, 0)
    for operand, offset in ((0, 20), (1, 180)):
        clients.ok(lib.ANeuralNetworksModel_setOperandValueFromMemory(model, operand, memory, offset, 48))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [2, 0, 5], [3])
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [3, 1, 5], [4])
    clients.identify(nn, model, [2], [4])
    lib.ANeuralNetworksMemory_free(memory)  # the model keeps what it needs
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    execution = clients.new_execution(nn, clients.new_compilation(nn, model))
    total = np.zeros(12, np.float32)
    clients.set_input(nn, execution, 0, given)
    clients.set_output(nn, execution, 0, total)
    clients.ok(lib.ANeuralNetworksExecution_compute(execution))
    np.testing.assert_array_equal(total, first + second + given)


@pytest.mark.parametrize("mode", MODES)
def test_memory_is_shared_and_not_copied(nn, compilation, mode):
    """What is written after it was created is read, what is computed is in the file, and offsets need not be pages'."""
    file = os.memfd_create("shared")
    os.ftruncate(file, 3 * SIZE + 5)
    code, memory = create_from_fd(nn, 3 * SIZE, READ | WRITE, file, 5)
    clients.ok(code)
    execution = clients.new_execution(nn, compilation)
    for index in range(2):
        clients.ok(
            nn.lib.ANeuralNetworksExecution_setInputFromMemory(
                execution, index, nn.ffi.NULL, memory, index * SIZE, SIZE
            )
        )
    clients.ok(nn.lib.ANeuralNetworksExecution_setOutputFromMemory(execution, 0, nn.ffi.NULL, memory, 2 * SIZE, SIZE))
    given = np.arange(12, dtype=np.float32)
    os.pwrite(file, given.tobytes(), 5)
    assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    computed = np.frombuffer(os.pread(file, SIZE, 5 + 2 * SIZE), np.float32)
    np.testing.assert_array_equal(computed, given[:6] + given[6:])
    os.close(file)


def test_outputs_can_not_go_to_memory_that_is_only_read(nn, compilation):
    memory, _ = new_memory(nn, SIZE, READ)
    execution = clients.new_execution(nn, compilation)
    set_output = nn.lib.ANeuralNetworksExecution_setOutputFromMemory
    assert set_output(execution, 0, nn.ffi.NULL, memory, 0, SIZE) == R.BAD_DATA
    clients.ok(nn.lib.ANeuralNetworksExecution_setInputFromMemory(execution, 0, nn.ffi.NULL, memory, 0, SIZE))


# Descriptors


@contextmanager
def desc_of(nn):
    made = clients.new(nn, "MemoryDesc", nn.lib.ANeuralNetworksMemoryDesc_create)
    yield made
    nn.lib.ANeuralNetworksMemoryDesc_free(made)


@pytest.fixture
def desc(nn):
    with desc_of(nn) as made:
        yield made


def roles(nn):
    return {
        "input": nn.lib.ANeuralNetworksMemoryDesc_addInputRole,
        "output": nn.lib.ANeuralNetworksMemoryDesc_addOutputRole,
    }


def new_described(nn, *wanted, dimensions=None):
    """Memory with roles: (input or output, compilation)."""
    with desc_of(nn) as desc:
        for kind, compilation in wanted:
            clients.ok(roles(nn)[kind](desc, compilation, 0, 1.0))
        if dimensions is not None:
            sizes = clients.indexes(nn, dimensions)
            clients.ok(nn.lib.ANeuralNetworksMemoryDesc_setDimensions(desc, len(dimensions), sizes))
        clients.ok(nn.lib.ANeuralNetworksMemoryDesc_finish(desc))
        return clients.new(nn, "Memory", nn.lib.ANeuralNetworksMemory_createFromDesc, desc)


def test_a_descriptor_needs_a_place(nn):
    assert nn.lib.ANeuralNetworksMemoryDesc_create(nn.ffi.NULL) == R.UNEXPECTED_NULL
    nn.lib.ANeuralNetworksMemoryDesc_free(nn.ffi.NULL)


@pytest.mark.parametrize("kind", ["input", "output"])
def test_roles(nn, desc, kind):
    add, null = roles(nn)[kind], nn.ffi.NULL
    compilation = clients.new_compilation(nn, clients.add_model(nn), finish=False)
    assert add(null, compilation, 0, 1.0) == R.UNEXPECTED_NULL
    assert add(desc, null, 0, 1.0) == R.UNEXPECTED_NULL
    assert add(desc, compilation, 0, 1.0) == R.BAD_DATA  # not finished
    clients.ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
    for index in (2, 999, 2**32 - 1):
        assert add(desc, compilation, index, 1.0) == R.BAD_DATA
    for frequency in (10.0, 1.0001, 0.0, -1.0, float("nan"), float("inf")):
        assert add(desc, compilation, 0, frequency) == R.BAD_DATA
    assert add(desc, compilation, 0, 1e-30) == R.NO_ERROR
    assert add(desc, compilation, 0, 1.0) == R.BAD_DATA  # again
    assert nn.lib.ANeuralNetworksMemoryDesc_finish(desc) == R.NO_ERROR
    assert add(desc, compilation, 0, 1.0) == R.BAD_STATE


def test_a_compilation_that_failed_plays_no_role(nn, desc):
    """No device takes an operation of a vendor that nobody knows."""
    lib = nn.lib
    model = clients.new_model(nn)
    for _ in range(2):
        clients.add_operand(nn, model, 10001, (2,))  # TENSOR_OEM_BYTE
    clients.add_operation(nn, model, 10000, [0], [1])  # OEM_OPERATION
    clients.identify(nn, model, [0], [1])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    failed = clients.new_compilation(nn, model, ["cpu"], finish=False)
    assert lib.ANeuralNetworksCompilation_finish(failed) == R.BAD_DATA
    for add in roles(nn).values():
        assert add(desc, failed, 0, 1.0) == R.BAD_DATA
    place = nn.ffi.new("ANeuralNetworksExecution**")
    assert lib.ANeuralNetworksExecution_create(failed, place) == R.BAD_STATE
    burst = nn.ffi.new("ANeuralNetworksBurst**")
    assert lib.ANeuralNetworksBurst_create(failed, burst) == R.BAD_STATE


def add_compiled(nn, type, dimensions, scale=0.0, zero_point=0):
    """Input 0 + input 1, of any type; the activation is an input too."""
    lib, model = nn.lib, clients.new_model(nn)
    for _ in range(2):
        clients.add_operand(nn, model, type, dimensions, scale, zero_point)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.add_operand(nn, model, type, dimensions, scale, zero_point)
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 2], [3])
    clients.identify(nn, model, [0, 1, 2], [3])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return clients.new_compilation(nn, model)


@pytest.mark.parametrize("change", [
    {"type": "TENSOR_FLOAT16", "scale": 0.0}, {"scale": 0.5}, {"zero_point": 128}, {"dimensions": (2, 1)},
    {"dimensions": (1,)}, {},
])  # fmt: skip
def test_roles_must_agree(nn, change):
    base = {"type": "TENSOR_QUANT8_ASYMM", "dimensions": (2,), "scale": 1.0, "zero_point": 0}
    first, second = (
        add_compiled(nn, **{**given, "type": getattr(nn.lib, f"ANEURALNETWORKS_{given['type']}")})
        for given in (base, {**base, **change})
    )
    for one in roles(nn).values():
        for other in roles(nn).values():
            with desc_of(nn) as desc:
                clients.ok(one(desc, first, 0, 1.0))
                assert other(desc, second, 0, 1.0) == (R.BAD_DATA if change else R.NO_ERROR)


def test_roles_must_agree_in_the_scales_of_channels(nn, desc):
    def convolution(scale):
        lib, model = nn.lib, clients.new_model(nn)
        image = (lib.ANEURALNETWORKS_TENSOR_QUANT8_ASYMM, (1, 4, 4, 2), 1.0)
        clients.add_operand(nn, model, *image)
        clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL, (2, 3, 3, 2))
        scales = nn.ffi.new("float[]", [scale, scale])
        params = nn.ffi.new("ANeuralNetworksSymmPerChannelQuantParams*", [0, 2, scales])
        clients.ok(lib.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, 1, params))
        clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_INT32, (2,))
        for _ in range(4):
            clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
        clients.add_operand(nn, model, *image)
        clients.add_operation(nn, model, lib.ANEURALNETWORKS_CONV_2D, range(7), [7])
        clients.identify(nn, model, range(7), [7])
        clients.ok(lib.ANeuralNetworksModel_finish(model))
        return clients.new_compilation(nn, model)

    add = nn.lib.ANeuralNetworksMemoryDesc_addInputRole
    assert add(desc, convolution(1.0), 1, 1.0) == R.NO_ERROR
    assert add(desc, convolution(0.5), 1, 1.0) == R.BAD_DATA
    assert add(desc, convolution(1.0), 1, 1.0) == R.NO_ERROR


def test_dimensions(nn, desc, compilation):
    set_dimensions, null = nn.lib.ANeuralNetworksMemoryDesc_setDimensions, nn.ffi.NULL
    right, wrong, more, open_ = (clients.indexes(nn, each) for each in ([2, 3], [2, 4], [2, 3, 1], [0, 3]))
    assert set_dimensions(null, 2, right) == R.UNEXPECTED_NULL
    assert set_dimensions(desc, 2, null) == R.UNEXPECTED_NULL
    assert set_dimensions(desc, 2, open_) == R.NO_ERROR
    assert set_dimensions(desc, 2, right) == R.NO_ERROR
    assert set_dimensions(desc, 0, null) == R.NO_ERROR
    assert set_dimensions(desc, 2, wrong) == R.BAD_DATA
    assert set_dimensions(desc, 3, more) == R.BAD_DATA
    clients.ok(nn.lib.ANeuralNetworksMemoryDesc_addInputRole(desc, compilation, 0, 1.0))
    clients.ok(nn.lib.ANeuralNetworksMemoryDesc_finish(desc))
    assert set_dimensions(desc, 2, right) == R.BAD_STATE


@pytest.mark.parametrize("dimensions_first", [False, True])
def test_a_scalar_has_no_dimensions(nn, desc, dimensions_first):
    compilation = add_compiled(nn, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2,))
    set_dimensions, two = nn.lib.ANeuralNetworksMemoryDesc_setDimensions, clients.indexes(nn, [2])
    if dimensions_first:
        assert set_dimensions(desc, 1, two) == R.NO_ERROR
        assert roles(nn)["input"](desc, compilation, 2, 1.0) == R.BAD_DATA
    else:
        assert roles(nn)["input"](desc, compilation, 2, 1.0) == R.NO_ERROR
        assert set_dimensions(desc, 0, nn.ffi.NULL) == R.NO_ERROR
        assert set_dimensions(desc, 1, two) == R.BAD_DATA


def test_finish(nn, desc, compilation):
    finish = nn.lib.ANeuralNetworksMemoryDesc_finish
    assert finish(nn.ffi.NULL) == R.UNEXPECTED_NULL
    assert finish(desc) == R.BAD_DATA  # no role
    clients.ok(nn.lib.ANeuralNetworksMemoryDesc_addInputRole(desc, compilation, 0, 1.0))
    assert finish(desc) == R.NO_ERROR
    assert finish(desc) == R.BAD_STATE


def test_create_from_desc(nn, desc, compilation):
    create, place = nn.lib.ANeuralNetworksMemory_createFromDesc, nn.ffi.new("ANeuralNetworksMemory**")
    assert create(desc, nn.ffi.NULL) == R.UNEXPECTED_NULL
    for given, code in ((nn.ffi.NULL, R.UNEXPECTED_NULL), (desc, R.BAD_STATE)):
        place[0] = nn.ffi.cast("ANeuralNetworksMemory*", 1)
        assert create(given, place) == code
        assert place[0] == nn.ffi.NULL
    clients.ok(nn.lib.ANeuralNetworksMemoryDesc_addOutputRole(desc, compilation, 0, 0.5))
    clients.ok(nn.lib.ANeuralNetworksMemoryDesc_finish(desc))
    first, second = (clients.new(nn, "Memory", create, desc) for _ in range(2))
    assert first != second
    for memory in (first, second):
        nn.lib.ANeuralNetworksMemory_free(memory)


# Executions with memory from descriptors, after Android's tests


def one_input(nn, *, dimension=1, activation=0):
    """Input 0 + 0, of one number; with activation 999, every execution fails."""
    lib, model = nn.lib, clients.new_model(nn)
    float32 = lib.ANEURALNETWORKS_TENSOR_FLOAT32
    clients.add_operand(nn, model, float32, (dimension,))
    clients.add_operand(nn, model, float32, (1,))
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.add_operand(nn, model, float32, (dimension,))
    clients.ok(lib.ANeuralNetworksModel_setOperandValue(model, 1, nn.ffi.new("float*", 0), 4))
    clients.set_scalar(nn, model, 2, activation)
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 2], [3])
    clients.identify(nn, model, [0], [3])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return clients.new_compilation(nn, model)


def use(nn, compilation, memory, kind, value=0.0):
    """Execute with the memory as input or output, and an array for the other; the result code and that array."""
    lib, execution = nn.lib, clients.new_execution(nn, compilation)
    array = np.array([value], np.float32)
    if kind == "input":
        clients.ok(lib.ANeuralNetworksExecution_setInputFromMemory(execution, 0, nn.ffi.NULL, memory, 0, 0))
        clients.set_output(nn, execution, 0, array)
    else:
        clients.set_input(nn, execution, 0, array)
        clients.ok(lib.ANeuralNetworksExecution_setOutputFromMemory(execution, 0, nn.ffi.NULL, memory, 0, 0))
    code = lib.ANeuralNetworksExecution_compute(execution)
    lib.ANeuralNetworksExecution_free(execution)
    return code, array[0]


def test_memory_has_content_from_its_writing_to_a_failure(nn):
    lib, null = nn.lib, nn.ffi.NULL
    reader, writer, failing = one_input(nn), one_input(nn), one_input(nn, activation=999)
    memory = new_described(nn, ("input", reader), ("output", writer), ("output", failing))
    assert use(nn, reader, memory, "input")[0] == R.OP_FAILED
    assert use(nn, writer, memory, "output", 7)[0] == R.NO_ERROR
    assert use(nn, reader, memory, "input") == (R.NO_ERROR, 7)
    execution, output = clients.new_execution(nn, reader), np.zeros(1, np.float32)
    clients.ok(lib.ANeuralNetworksExecution_setInputFromMemory(execution, 0, null, memory, 0, 0))
    clients.set_output(nn, execution, 0, output)
    assert use(nn, failing, memory, "output")[0] == R.OP_FAILED
    assert lib.ANeuralNetworksExecution_compute(execution) == R.OP_FAILED
    assert use(nn, writer, memory, "output", 8)[0] == R.NO_ERROR
    other = clients.new_execution(nn, reader)
    for offset, length in ((1, 0), (0, 4), (4, 4)):
        assert lib.ANeuralNetworksExecution_setInputFromMemory(other, 0, null, memory, offset, length) == R.BAD_DATA
    assert lib.ANeuralNetworksExecution_setOutputFromMemory(other, 0, null, memory, 0, 0) == R.BAD_DATA  # not its role
    assert use(nn, failing, memory, "output")[0] == R.OP_FAILED
    assert use(nn, reader, memory, "input")[0] == R.OP_FAILED


def test_memory_that_is_only_an_output(nn):
    lib, null, compilation = nn.lib, nn.ffi.NULL, one_input(nn)
    memory, execution = new_described(nn, ("output", compilation)), clients.new_execution(nn, compilation)
    for offset, length in ((1, 0), (0, 4)):
        assert (
            lib.ANeuralNetworksExecution_setOutputFromMemory(execution, 0, null, memory, offset, length) == R.BAD_DATA
        )
    assert lib.ANeuralNetworksExecution_setInputFromMemory(execution, 0, null, memory, 0, 0) == R.BAD_DATA
    model = clients.new_model(nn)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (1,))
    assert lib.ANeuralNetworksModel_setOperandValueFromMemory(model, 0, memory, 0, 4) == R.BAD_DATA


@pytest.mark.parametrize("kind", ["input", "output"])
def test_an_execution_can_not_give_memory_other_dimensions(nn, kind):
    open_, fixed = one_input(nn, dimension=0), one_input(nn)
    memory = new_described(nn, (kind, open_), *([("output", fixed)] if kind == "input" else []), dimensions=[1])
    if kind == "input":
        assert use(nn, fixed, memory, "output")[0] == R.NO_ERROR
    execution = clients.new_execution(nn, open_)
    call = getattr(nn.lib, f"ANeuralNetworksExecution_set{kind.capitalize()}FromMemory")
    float32 = nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32
    assert call(execution, 0, clients.operand_type(nn, float32, [2]), memory, 0, 0) == R.BAD_DATA
    assert call(execution, 0, clients.operand_type(nn, float32, [1]), memory, 0, 0) == R.NO_ERROR


# Copying, after Android's test


def test_copying(nn):
    copy, null, float32 = nn.lib.ANeuralNetworksMemory_copy, nn.ffi.NULL, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32
    shared, smaller, larger = (new_memory(nn, size) for size in (8, 4, 16))
    shared[1][:] = range(8)
    compilation = add_compiled(nn, float32, (1, 2))
    first, second = (new_described(nn, ("input", compilation)) for _ in range(2))
    of_other_rank = new_described(nn, ("input", add_compiled(nn, float32, (2,))))
    of_other_sizes = new_described(nn, ("input", add_compiled(nn, float32, (2, 1))))
    back = new_memory(nn, 8)

    assert copy(null, first) == R.UNEXPECTED_NULL
    assert copy(first, null) == R.UNEXPECTED_NULL

    for other in (smaller[0], larger[0]):
        assert copy(shared[0], other) == R.BAD_DATA
        assert copy(other, shared[0]) == R.BAD_DATA
        assert copy(other, first) == R.BAD_DATA
    assert copy(first, shared[0]) == R.BAD_DATA  # no content yet
    for other in (smaller[0], larger[0]):
        assert copy(shared[0], first) == R.NO_ERROR
        assert copy(first, other) == R.BAD_DATA
        assert copy(first, back[0]) == R.NO_ERROR  # a copy that failed took nothing from its source
        assert copy(other, first) == R.BAD_DATA
        assert copy(first, back[0]) == R.BAD_DATA  # but its destination has no content any more
    np.testing.assert_array_equal(back[1], range(8))

    assert copy(second, first) == R.BAD_DATA  # no content
    for other in (of_other_rank, of_other_sizes):
        assert copy(shared[0], other) == R.NO_ERROR
        assert copy(other, first) == R.BAD_DATA
    assert copy(shared[0], second) == R.NO_ERROR
    assert copy(second, second) == R.NO_ERROR
    assert copy(second, first) == R.NO_ERROR
    back[1][:] = 0
    assert copy(first, back[0]) == R.NO_ERROR
    np.testing.assert_array_equal(back[1], range(8))
    assert copy(smaller[0], second) == R.BAD_DATA
    assert copy(second, first) == R.BAD_DATA

    read_only = new_memory(nn, 8, READ)[0]
    assert copy(shared[0], read_only) == R.BAD_DATA
    assert copy(read_only, shared[0]) == R.NO_ERROR
