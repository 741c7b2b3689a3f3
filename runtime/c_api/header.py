"""NNAPI's header for C and C++ programs, made of our own tables."""

from __future__ import annotations

import re
from enum import IntEnum

from hal.types import (
    DeviceType,
    DurationCode,
    FeatureLevel,
    FuseCode,
    OperandType,
    OperationType,
    PaddingCode,
    PreferenceCode,
    Priority,
    ResultCode,
)
from runtime.c_api.functions import FUNCTIONS, OBJECTS, PREFIX, Function
from runtime.caching import TOKEN_SIZE
from runtime.model import MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES

_ENUMERATIONS: tuple[tuple[str, str, type[IntEnum]], ...] = (
    ("OperandCode", "", OperandType),
    ("OperationCode", "", OperationType),
    ("FuseCode", "FUSED_", FuseCode),
    ("PaddingCode", "PADDING_", PaddingCode),
    ("PreferenceCode", "PREFER_", PreferenceCode),
    ("DeviceTypeCode", "DEVICE_", DeviceType),
    ("FeatureLevelCode", "FEATURE_", FeatureLevel),
    ("ResultCode", "", ResultCode),
    ("DurationCode", "DURATION_", DurationCode),
    ("PriorityCode", "PRIORITY_", Priority),
)
"""C's name of each enumeration, what its constants' names begin with, and what it is in Python."""

_LIMITS = {
    "MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES": MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES,
    "BYTE_SIZE_OF_CACHE_TOKEN": TOKEN_SIZE,
}

_STRUCTURES = """\
typedef struct ANeuralNetworksOperandType {
    int32_t type;               /* an OperandCode, or a type of an extension */
    uint32_t dimensionCount;    /* 0: a scalar, or a tensor of unknown rank */
    const uint32_t* dimensions; /* 0 among them: unknown */
    float scale;
    int32_t zeroPoint;
} ANeuralNetworksOperandType;

typedef struct ANeuralNetworksSymmPerChannelQuantParams {
    uint32_t channelDim;
    uint32_t scaleCount;
    const float* scales;
} ANeuralNetworksSymmPerChannelQuantParams;

typedef int32_t ANeuralNetworksOperationType;
typedef struct AHardwareBuffer AHardwareBuffer;
"""

_BEGINNING = """\
/* Android's Neural Networks API, as nnhal has it. Made by `nnhal libneuralnetworks --header`. */

#ifndef NNHAL_NEURAL_NETWORKS_H
#define NNHAL_NEURAL_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
"""

_END = """\
#ifdef __cplusplus
}
#endif

#endif
"""

_FORWARDING = '#include "android/NeuralNetworks.h"\n'


def header_files() -> dict[str, str]:
    """What to put into a folder that C programs include from: the paths that Android's programs know, and the texts."""
    return {
        "android/NeuralNetworks.h": f"{_BEGINNING}\n{declarations()}\n{_END}",
        "NeuralNetworks.h": _FORWARDING,
    }


def declarations() -> str:
    """Every constant, type and function of NNAPI, in plain C without directives."""
    return types() + "\n" + "".join(f"{prototype(function)};\n" for function in FUNCTIONS)


def types() -> str:
    """The constants and types among them."""
    parts = [_enumeration(name, constants(beginning, kind)) for name, beginning, kind in _ENUMERATIONS]
    parts += [_enumeration("", {f"ANEURALNETWORKS_{name}": value}) for name, value in _LIMITS.items()]
    parts += [_STRUCTURES, "".join(f"typedef struct {PREFIX}{kind} {PREFIX}{kind};\n" for kind in OBJECTS)]
    return "\n".join(parts)


def prototype(function: Function) -> str:
    """A function's declaration, without the semicolon."""
    parameters = ", ".join(f"{each.type} {each.name}" for each in function.parameters)
    return f"{function.result} {function.name}({parameters or 'void'})"


def constants(beginning: str, kind: type[IntEnum]) -> dict[str, int]:
    """An enumeration's constants by their C names."""
    return {f"ANEURALNETWORKS_{_c_name(beginning + name)}": int(value) for name, value in kind.__members__.items()}


def _c_name(name: str) -> str:
    return re.sub("^DURATION_FENCED_", "FENCED_DURATION_", name)


def _enumeration(name: str, values: dict[str, int]) -> str:
    lines = "".join(f"    {constant} = {value},\n" for constant, value in values.items())
    return f"typedef enum {{\n{lines}}} {name};\n" if name else f"enum {{\n{lines}}};\n"
