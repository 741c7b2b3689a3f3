"""Android's Neural Networks API for Linux: the one name that an application imports.

    import nnhal

    model = nnhal.load_model("face_landmark.tflite")
    compiled = nnhal.compile(model, devices=["cpu"])
    outputs = compiled.run([image])

Everything here is defined elsewhere and imported on first use, so that ``import nnhal`` costs next
to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hal.errors import (
        BadDataError,
        BadStateError,
        DeadObjectError,
        IncompleteError,
        MissedDeadlinePersistentError,
        MissedDeadlineTransientError,
        NnapiError,
        OpFailedError,
        OutOfMemoryError,
        OutputInsufficientSizeError,
        ResourceExhaustedPersistentError,
        ResourceExhaustedTransientError,
        UnavailableDeviceError,
        UnexpectedNullError,
        UnmappableError,
    )
    from hal.faults import Fault, FaultKind
    from hal.metadata import Fit, Layout, Metadata, Preprocessing
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
    from runtime.burst import Burst
    from runtime.compilation import Compilation, plan
    from runtime.compiled import CompiledModel
    from runtime.compiled import compile_model as compile
    from runtime.discovery import device, devices
    from runtime.event import Event
    from runtime.execution import Execution
    from runtime.memory import Memory
    from runtime.memory_desc import MemoryDesc
    from runtime.model import Model
    from runtime.plan import Plan
    from runtime.report import ExecutionReport
    from runtime.simulator import Simulator
    from runtime.telemetry import set_telemetry
    from tools.importers import load_model
    from tools.optimization import optimize
    from tools.quantization import quantize

__version__ = "0.1.0"

__all__ = [
    "BadDataError",
    "BadStateError",
    "Burst",
    "Compilation",
    "CompiledModel",
    "DeadObjectError",
    "DeviceType",
    "DurationCode",
    "Event",
    "Execution",
    "ExecutionReport",
    "Fault",
    "FaultKind",
    "FeatureLevel",
    "Fit",
    "FuseCode",
    "IncompleteError",
    "Layout",
    "Memory",
    "MemoryDesc",
    "Metadata",
    "MissedDeadlinePersistentError",
    "MissedDeadlineTransientError",
    "Model",
    "NnapiError",
    "OpFailedError",
    "OperandType",
    "OperationType",
    "OutOfMemoryError",
    "OutputInsufficientSizeError",
    "PaddingCode",
    "Plan",
    "PreferenceCode",
    "Preprocessing",
    "Priority",
    "ResourceExhaustedPersistentError",
    "ResourceExhaustedTransientError",
    "ResultCode",
    "Simulator",
    "UnavailableDeviceError",
    "UnexpectedNullError",
    "UnmappableError",
    "compile",
    "device",
    "devices",
    "load_model",
    "optimize",
    "plan",
    "quantize",
    "set_telemetry",
]

_MODULES = {
    "compile": "runtime.compiled",
    "device": "runtime.discovery",
    "devices": "runtime.discovery",
    "load_model": "tools.importers",
    "optimize": "tools.optimization",
    "plan": "runtime.compilation",
    "quantize": "tools.quantization",
    "set_telemetry": "runtime.telemetry",
    "Burst": "runtime.burst",
    "Compilation": "runtime.compilation",
    "CompiledModel": "runtime.compiled",
    "Event": "runtime.event",
    "Fault": "hal.faults",
    "FaultKind": "hal.faults",
    "Simulator": "runtime.simulator",
    "Execution": "runtime.execution",
    "Fit": "hal.metadata",
    "Layout": "hal.metadata",
    "ExecutionReport": "runtime.report",
    "Memory": "runtime.memory",
    "Metadata": "hal.metadata",
    "MemoryDesc": "runtime.memory_desc",
    "Model": "runtime.model",
    "Preprocessing": "hal.metadata",
    "Plan": "runtime.plan",
}
_OTHER_NAMES = {"compile": "compile_model"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'nnhal' has no attribute '{name}'")
    module = _MODULES.get(name) or ("hal.errors" if name.endswith("Error") else "hal.types")
    value = getattr(importlib.import_module(module), _OTHER_NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
