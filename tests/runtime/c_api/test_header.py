"""The header and the list of functions, beside NNAPI's."""

import csv
import re
import subprocess
from pathlib import Path

import cffi
import pytest

from runtime.c_api.functions import FUNCTIONS, Role
from runtime.c_api.header import declarations

REFERENCE = Path(__file__).parents[4] / "shared" / "nnapi"
"""NNAPI's functions and constants as lists, where the machine has them."""


def reference(name):
    path = REFERENCE / name
    if not path.is_file():
        pytest.skip(f"{path} is not here; it lists what NNAPI has")
    with path.open() as file:
        return list(csv.DictReader(file))


def level(introduced):
    """A feature level, of the Android version that introduced a function."""
    return {"27": 1, "28": 2, "Q": 3, "30": 4, "31": 5}[introduced]


def test_there_are_nnapis_functions_and_no_others():
    assert sorted(each.name for each in FUNCTIONS) == sorted(row["function"] for row in reference("c_api.csv"))


def test_no_function_needs_a_higher_level_than_nnapi_says():
    levels = {each.name: each.level for each in FUNCTIONS}
    for row in reference("c_api.csv"):
        name = row["function"]
        if "relaxComputation" in name or "xtension" in name:
            continue  # the list has the lowest level for them
        assert levels[name] == level(row["introduced"]), name


def test_constants_have_nnapis_values(nn):
    ours = {name: getattr(nn.lib, name) for name in dir(nn.lib) if name.startswith("ANEURALNETWORKS_")}
    for row in reference("constants.csv"):
        value = ours[row["value"]] if row["value"] in ours else int(row["value"])
        assert ours[row["constant"]] == value, row["constant"]


def test_operations_have_nnapis_codes(nn):
    for row in reference("operations.csv"):
        name = f"ANEURALNETWORKS_{row['operation']}"
        if row["code"].isdigit():
            assert getattr(nn.lib, name) == int(row["code"]), name


def test_structures_are_laid_out_as_nnapis(nn):
    ffi, pointer = nn.ffi, nn.ffi.sizeof("void*")
    places = {
        "ANeuralNetworksOperandType": {
            "type": 0,
            "dimensionCount": 4,
            "dimensions": 8,
            "scale": 8 + pointer,
            "zeroPoint": 12 + pointer,
        },
        "ANeuralNetworksSymmPerChannelQuantParams": {"channelDim": 0, "scaleCount": 4, "scales": 8},
    }
    sizes = {"ANeuralNetworksOperandType": 16 + pointer, "ANeuralNetworksSymmPerChannelQuantParams": 8 + pointer}
    for name, fields in places.items():
        assert {field: ffi.offsetof(name, field) for field in fields} == fields
        assert (ffi.sizeof(name), ffi.alignof(name)) == (sizes[name], ffi.alignof("void*"))


@pytest.mark.parametrize(("language", "standard"), [("c", "c99"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++20")])
@pytest.mark.parametrize("name", ["android/NeuralNetworks.h", "NeuralNetworks.h"])
def test_compilers_accept_it_without_a_warning(library, compiler, language, standard, name):
    options = ["-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    done = subprocess.run(
        [compiler, *options, f"-I{library.include}", "-"],
        input=f"#include <{name}>\n#include <{name}>\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_declarations_say_all_that_the_table_does():
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    declared = re.findall(r"^\w+ (ANeuralNetworks\w+)\(", declarations(), re.MULTILINE)
    assert declared == [each.name for each in FUNCTIONS]


def test_results_are_last():
    """The boundary takes them off the end."""
    for function in FUNCTIONS:
        for each in function.parameters[:-1]:
            assert each.role not in (Role.NEW_OBJECT, Role.RESULT, Role.RESULTS), function.name
