"""A program that calls the C functions in any order with anything, as far as C can tell it from what is right.

Objects may be NULL, freed, of other kinds or invented, numbers anything, descriptors closed. Only memory that is
pointed to must be there: no library can know that it is not. Each call is written down before it is made, so that
whoever has started the program can see what has ended it: ``python garbage.py LOG EXAMPLES``.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import mmap
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import cffi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.types import OperandType, OperationType, ResultCode
from runtime.c_api.build import build
from runtime.c_api.functions import FUNCTIONS, OBJECTS, Function, Parameter, Role
from runtime.c_api.header import declarations

ROOM = 256
"""Bytes that any pointer has behind it."""

MOST = 8
"""Elements of an array, at most: that many pointers fit."""

FFI = cffi.FFI()
FFI.cdef(declarations())
LIB: Any = FFI.dlopen(str(build().path))

OFTEN = [*FUNCTIONS, *(each for each in FUNCTIONS for kind in ("Execution", "Event", "Memory") if kind in each.name)]
"""Functions of what models and compilations are for are called more often than others."""

results: Counter[ResultCode] = Counter()
"""How often each result code has come."""

STRINGS = [b"", b"cpu", b"com.example.signal", b"no period", b"\xff\xfe", tempfile.mkdtemp().encode(), b"/nowhere"]
DURATIONS = [0, 1, 10**6, 10**9, 2**63, 2**64 - 1]
LENGTHS = [0, 1, 2, 3, 4, 8, 12, 16, 24, 32, ROOM]
COUNTS = list(range(MOST + 1))
EDGES = [-(2**31), -1, 0, 1, 2, 3, 4, 5, 100, 255, 999, 2**31 - 1]
CHOICES = st.integers(0, 10**4)
FLOATS = [0.0, 0.5, 1.0, -1.0, 2.0, 1e30, float("inf"), float("nan")]


class Session:
    """The objects and buffers of one sequence of calls."""

    def __init__(self, log: Path) -> None:
        self.log = log.open("w")
        self.known: dict[str, list[int]] = {kind: [] for kind in OBJECTS}
        self.kept: list[Any] = []

    def buffer(self, content: bytes = b"") -> Any:
        made = FFI.new("char[]", ROOM)
        FFI.buffer(made)[: len(content)] = content
        self.kept.append(made)
        return made

    def object(self, kind: str, choice: int) -> int:
        """A pointer, mostly of the right kind. ``choice`` is drawn: its range may not depend on what calls return."""
        right = self.known[kind][-4:]
        others = [pointer for pointers in self.known.values() for pointer in pointers]
        wrong = [0, 1, 16, 0xDEADBEEF, 2**64 - 1, 0x4E4E << 48, *others]
        which, often = divmod(choice, 7)
        among = right if right and often else wrong
        return among[which % len(among)]

    def call(self, function: Function, data: st.DataObject) -> None:
        arguments = []
        lengths = self.lengths(function, data)
        for parameter in function.parameters:
            arguments.append(self.argument(parameter, lengths, data))
        self.log.write(f"{function.name}{tuple(arguments)}\n")
        self.log.flush()
        result = getattr(LIB, function.name)(*arguments)
        if function.result == "int":
            results[ResultCode(result)] += 1
        last = function.parameters[-1] if function.parameters else None
        if last is not None and last.role is Role.NEW_OBJECT and arguments[-1]:
            pointer = int(FFI.cast("uintptr_t", arguments[-1][0]))
            assert (pointer != 0) == (result == ResultCode.NO_ERROR)
            if pointer:
                self.known[last.kind].append(pointer)

    def lengths(self, function: Function, data: st.DataObject) -> dict[str, int]:
        """What counts or measures a pointer that comes with it is never more than there is."""
        return {each.name: data.draw(st.sampled_from(LENGTHS)) for each in function.parameters if each.name == "length"}

    def argument(self, parameter: Parameter, lengths: dict[str, int], data: st.DataObject) -> Any:
        if parameter.role in (Role.OBJECT, Role.OBJECT_OR_NULL):
            return FFI.cast(parameter.type, self.object(parameter.kind, data.draw(CHOICES)))
        if parameter.name in lengths:
            return lengths[parameter.name]
        if parameter.type.rstrip().endswith("*"):
            return self.pointer(parameter, data)
        return self.number(parameter, data)

    def pointer(self, parameter: Parameter, data: st.DataObject) -> Any:
        if data.draw(st.integers(0, 9)) == 0:
            return FFI.NULL
        if parameter.type == "const ANeuralNetworksOperandType*":
            return self.operand_type(data)
        if parameter.type == "const ANeuralNetworksSymmPerChannelQuantParams*":
            scales = FFI.new("float[]", data.draw(st.lists(st.sampled_from(FLOATS), min_size=MOST, max_size=MOST)))
            made = FFI.new("ANeuralNetworksSymmPerChannelQuantParams*")
            made.channelDim, made.scaleCount, made.scales = (
                data.draw(st.integers(0, 5)),
                data.draw(st.integers(0, 5)),
                scales,
            )
            self.kept.append((made, scales))
            return made
        if parameter.type == "const char*":
            text = FFI.new("char[]", data.draw(st.sampled_from(STRINGS)))
            self.kept.append(text)
            return text
        if parameter.type.count("*") == 2 and parameter.type.startswith("const ANeuralNetworks"):  # an array of objects
            kind = parameter.kind.removesuffix("* const")
            choices = data.draw(st.lists(CHOICES, min_size=MOST, max_size=MOST))
            pointers = b"".join(self.object(kind, choice).to_bytes(8, "little") for choice in choices)
            return FFI.cast(parameter.type, self.buffer(pointers))
        small = data.draw(st.lists(st.integers(0, 5), min_size=MOST, max_size=MOST))
        return FFI.cast(parameter.type, self.buffer(b"".join(each.to_bytes(4, "little") for each in small)))

    def operand_type(self, data: st.DataObject) -> Any:
        sizes = FFI.new(
            "uint32_t[]", data.draw(st.lists(st.sampled_from([0, 1, 2, 2, 3, 2**32 - 1]), min_size=MOST, max_size=MOST))
        )
        made = FFI.new("ANeuralNetworksOperandType*")
        made.type = data.draw(
            st.sampled_from([*OperandType, OperandType.TENSOR_FLOAT32, 10000, 10001, 0x10000, -1, 77])
        )
        made.dimensionCount = data.draw(st.sampled_from([0, 1, 1, 2, MOST]))
        made.dimensions = data.draw(st.sampled_from([sizes, sizes, FFI.NULL]))
        made.scale, made.zeroPoint = (
            data.draw(st.sampled_from(FLOATS)),
            data.draw(st.sampled_from([0, 0, 128, -1, 2**31 - 1])),
        )
        self.kept.append((made, sizes))
        return made

    def number(self, parameter: Parameter, data: st.DataObject) -> Any:
        kind, name = parameter.type, parameter.name
        if kind == "bool":
            return data.draw(st.booleans())
        if kind == "float":
            return data.draw(st.sampled_from(FLOATS))
        if kind == "uint64_t":
            return data.draw(st.sampled_from(DURATIONS))
        if name in ("fd", "sync_fence_fd"):
            return data.draw(st.sampled_from([-1, 10**6, MEMORY, SIGNALLED]))
        if name == "protect":
            return data.draw(st.sampled_from([mmap.PROT_READ | mmap.PROT_WRITE] * 3 + [mmap.PROT_READ, 0, -1]))
        if name == "size" or name == "offset":
            return data.draw(st.sampled_from([0, 0, 8, ROOM, 2 * ROOM, 2**32, 2**64 - 1]))
        if kind == "ANeuralNetworksOperationType":
            return data.draw(
                st.sampled_from([OperationType.ADD, OperationType.ABS, *OperationType, 10000, -1, 0x10000])
            )
        if "ount" in name or name in ("rank", "numDevices", "num_dependencies"):
            return data.draw(st.sampled_from(COUNTS))
        if kind in ("uint16_t", "uint32_t"):
            return data.draw(st.sampled_from([each for each in EDGES if 0 <= each < 2**16]))
        return data.draw(st.sampled_from(EDGES))


MEMORY = os.memfd_create("garbage")
os.ftruncate(MEMORY, ROOM)
SIGNALLED = os.eventfd(1)
LOG = Path(sys.argv[1])
SMALL = [FFI.new("uint32_t[1]", [2]), FFI.new("uint32_t[3]", [0, 1, 2]), FFI.new("uint32_t[1]", [3])]


def prepared(session: Session) -> None:
    """A model, a compilation and an execution, so that what follows is not all refused at once."""
    place = {kind: FFI.new(f"ANeuralNetworks{kind}**") for kind in OBJECTS}
    LIB.ANeuralNetworksModel_create(place["Model"])
    model = place["Model"][0]
    tensor = FFI.new("ANeuralNetworksOperandType*", [OperandType.TENSOR_FLOAT32, 1, SMALL[0], 0, 0])
    scalar = FFI.new("ANeuralNetworksOperandType*", [OperandType.INT32, 0, FFI.NULL, 0, 0])
    for each in (tensor, tensor, scalar, tensor):
        assert LIB.ANeuralNetworksModel_addOperand(model, each) == 0
    assert LIB.ANeuralNetworksModel_addOperation(model, OperationType.ADD, 3, SMALL[1], 1, SMALL[2]) == 0
    assert LIB.ANeuralNetworksModel_identifyInputsAndOutputs(model, 3, SMALL[1], 1, SMALL[2]) == 0
    assert LIB.ANeuralNetworksModel_finish(model) == 0
    assert LIB.ANeuralNetworksCompilation_create(model, place["Compilation"]) == 0
    assert LIB.ANeuralNetworksCompilation_finish(place["Compilation"][0]) == 0
    assert LIB.ANeuralNetworksExecution_create(place["Compilation"][0], place["Execution"]) == 0
    execution = place["Execution"][0]
    for index in range(3):
        assert (
            LIB.ANeuralNetworksExecution_setInput(execution, index, FFI.NULL, session.buffer(), 4 if index == 2 else 8)
            == 0
        )
    assert LIB.ANeuralNetworksExecution_setOutput(execution, 0, FFI.NULL, session.buffer(), 8) == 0
    assert LIB.ANeuralNetworksExecution_setReusable(execution, True) == 0
    assert LIB.ANeuralNetworks_getDevice(0, place["Device"]) == 0
    for kind in ("Model", "Compilation", "Execution", "Device"):
        session.known[kind].append(int(FFI.cast("uintptr_t", place[kind][0])))


@settings(max_examples=int(sys.argv[2]), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), calls=st.lists(st.sampled_from(OFTEN), min_size=10, max_size=60), ready=st.booleans())
def anything(data: st.DataObject, calls: list[Function], ready: bool) -> None:
    session = Session(LOG)
    if ready:
        prepared(session)
    for function in calls:
        session.call(function, data)
    frees = {each.parameters[0].kind: each.name for each in FUNCTIONS if each.result == "void"}
    order = ["Event", "Burst", "Execution", "Memory", "MemoryDesc", "Compilation", "Model"]
    for kind, pointer in itertools.chain.from_iterable(
        ((kind, each) for each in session.known[kind]) for kind in order
    ):
        getattr(LIB, frees[kind])(FFI.cast(f"ANeuralNetworks{kind}*", pointer))
    session.log.close()


if __name__ == "__main__":
    faulthandler.enable()
    anything()
    print(json.dumps({code.name: results[code] for code in ResultCode}))
