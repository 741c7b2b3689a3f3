"""Selective builds: a folder with some models and only the machine code that drivers need for them.

The models are planned and prepared as the runtime and the drivers do it, by the same code, with the
hardware that the devices have here. Whatever machine code the engine then asks for is taken.
``drivers.engine.bundles`` says what a bundle is to a driver.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.engine import native, tuning
from drivers.engine.abi import Kernel
from drivers.engine.bundles import FORMAT, KERNELS, MANIFEST
from drivers.engine.native import Unit
from drivers.sdk.registry import load_device
from hal.device import Device, PrepareOptions, Progress
from hal.errors import BadDataError, OpFailedError
from hal.inference import with_inferred_dimensions
from hal.model import Model as CanonicalModel
from hal.model import Subgraph, is_fully_specified, is_tensor
from hal.types import PreferenceCode
from hal.validation import operation_name
from runtime import discovery
from runtime.compilation import plan
from runtime.model import Model
from runtime.plan import Plan
from runtime.simulator import Simulator

MODELS = "models"
"""The folder of a bundle that the models are in."""


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model in a bundle: its file there, its size in bytes, and the files of the kernels that it uses.

    ``untold``: why an execution may need more than is in the bundle, which it then compiles; "" where it does not.
    """

    file: str
    bytes: int
    kernels: tuple[str, ...]
    untold: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a bundle has.

    ``made_for``: the facts that must be the same on a machine that uses it. ``models``: by name.
    ``kernels`` and ``functions`` (of the engine, for every model): bytes of their files, by the files' names.
    ``available``: how many kernels there are to choose from. ``bytes``: of all files together.
    """

    folder: Path
    devices: tuple[str, ...]
    made_for: Mapping[str, str]
    models: Mapping[str, BundledModel]
    kernels: Mapping[str, int]
    functions: Mapping[str, int]
    available: int
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "bundle": str(self.folder),
            "devices": self.devices,
            "made_for": dict(self.made_for),
            "kernels": {"kept": len(self.kernels), "available": self.available, "bytes": sum(self.kernels.values())},
            "functions": {"kept": len(self.functions), "bytes": sum(self.functions.values())},
            "models": {
                name: {
                    "file": each.file,
                    "bytes": each.bytes,
                    "kernels": {kernel: self.kernels[kernel] for kernel in each.kernels},
                    "untold": each.untold,
                }
                for name, each in self.models.items()
            },
            "bytes": self.bytes,
        }


def bundle(models: Mapping[str, Model], devices: Sequence[str], folder: Path, progress: Progress) -> Report:
    """Make the bundle ``folder`` for finished models, by name, that run on ``devices`` and no others.

    With several devices it has what the plans for each of NNAPI's preferences need. Raises
    ``BadDataError`` where a folder can't be made, where the devices do not take all of a model, and for a
    device that does not compute with nnhal's engine; ``UnavailableDeviceError`` for an unknown device;
    ``OpFailedError`` when writing fails.
    """
    target = _checked(folder)
    for model in models.values():
        model.verify()
    progress("starting drivers", 0, 1)
    twins = [_twin(name) for name in devices]
    used = {name: _kernels(name, model, twins, progress) for name, model in models.items()}
    kernels = sorted(set().union(*used.values()))
    code = native.files(
        [*native.FUNCTIONS, *kernels], lambda done, total: progress("compiling what every model needs", done, total)
    )
    progress(f"writing {folder}", 0, 1)
    sizes = {unit: len(content) for unit, (_, content) in code.items()}
    partial = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
    try:
        (partial / KERNELS).mkdir(parents=True)
        (partial / MODELS).mkdir()
        (partial / tuning.FOLDER).mkdir()
        answers = tuning.answers()
        for name, answer in answers.items():
            (partial / tuning.FOLDER / name).write_text(answer)
        for name, content in code.values():
            (partial / KERNELS / name).write_bytes(content)
        bundled = {}
        for name, model in models.items():
            file = f"{MODELS}/{name}.nnhal"
            model.save(partial / file)
            names = tuple(code[unit][0] for unit in sorted(used[name]))
            bundled[name] = BundledModel(file, (partial / file).stat().st_size, names, _untold(model.canonical))
        manifest = _manifest(devices, bundled, code.values())
        (partial / MANIFEST).write_bytes(manifest)
        partial.rename(target)
    except OSError as error:
        raise OpFailedError(f"{folder} can't be written: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Report(
        folder,
        tuple(devices),
        native.facts(),
        bundled,
        {code[unit][0]: sizes[unit] for unit in kernels},
        {code[unit][0]: sizes[unit] for unit in native.FUNCTIONS},
        len({*_library(), *kernels}),
        sum(map(len, answers.values()))
        + sum(sizes.values())
        + sum(each.bytes for each in bundled.values())
        + len(manifest),
    )


def _checked(folder: Path) -> Path:
    """Where the folder is going to be; refuses what is no place for a new one."""
    target = Path(os.path.realpath(folder))
    if target.is_dir():
        if next(target.iterdir(), None) is not None:
            raise BadDataError(f"{folder} is not empty; a bundle must be a new folder, or an empty one")
    elif target.exists():
        raise BadDataError(f"{folder} is a file; a bundle must be a new folder, or an empty one")
    elif not target.parent.is_dir():
        raise BadDataError(f"{folder} can't be written: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise BadDataError(f"{folder} can't be written: {target.parent} is write-protected")
    return target


def _twin(name: str) -> Device:
    """The device of this name, in this process."""
    text = Simulator(discovery.device(name)).description()
    if text is None:
        raise BadDataError(f"the device '{name}' does not compute with nnhal's engine: there are no kernels to bundle")
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / "description.toml"
        description.write_text(text, encoding="utf-8")
        return load_device(name, str(description))


def _kernels(name: str, model: Model, devices: Sequence[Device], progress: Progress) -> set[Unit]:
    """The kernels that the programs for a model consist of."""
    preferences = PreferenceCode if len(devices) > 1 else [PreferenceCode.FAST_SINGLE_ANSWER]
    try:
        plans = [plan(model, devices, preference) for preference in preferences]
    except BadDataError as error:
        hint = "" if any(device.info.name == "cpu" for device in devices) else "; the device cpu would take the rest"
        raise BadDataError(f"{name}: {error}{hint}", operand=error.operand, operation=error.operation) from error
    parts = list(_parts(plans))

    def prepare() -> None:
        for device, part in parts:
            device.prepare_model(part, PrepareOptions(), progress).close()

    prepare()  # trials use kernels that the model then does not: once they are over it tells what it takes
    with native.recording() as units:
        prepare()
    return units - set(native.FUNCTIONS)


def _parts(plans: Iterable[Plan]) -> Iterator[tuple[Device, CanonicalModel]]:
    """The models that devices get."""
    for step in (step for each in plans for step in each.steps):
        if step.device is None or step.model is None:
            yield from _parts(step.branches)
        else:
            yield step.device, step.model


def _untold(model: CanonicalModel) -> str:
    """Why preparing a model does not tell all that executing it will need; "" where it does."""
    for number, subgraph in enumerate((model.main, *model.referenced)):
        reason = _untold_of(with_inferred_dimensions(subgraph))
        if reason:
            return f"in referenced subgraph {number - 1}, {reason}" if number else reason
    return ""


def _untold_of(subgraph: Subgraph) -> str:
    def is_open(index: int) -> bool:
        operand = subgraph.operands[index]
        return is_tensor(operand) and not is_fully_specified(operand.dimensions)

    for position, index in enumerate(subgraph.inputs):
        if is_open(index):
            return f"input {position} has dimensions that only an execution knows"
    for number, operation in enumerate(subgraph.operations):
        if any(map(is_open, operation.outputs)):
            return f"what operation {number} ({operation_name(operation.type)}) computes has dimensions of its own"
    return ""


def _library() -> Iterator[Unit]:
    """All kernels that there are: drivers' modules have them by themselves or, generic ones, by type."""
    for name, module in list(sys.modules.items()):
        if name.startswith("drivers."):
            for value in vars(module).values():
                several = value.values() if isinstance(value, dict) else [value]
                yield from (native.unit(each) for each in several if isinstance(each, Kernel))


def _manifest(devices: Sequence[str], models: Mapping[str, BundledModel], code: Iterable[tuple[str, bytes]]) -> bytes:
    tables = {
        "format": FORMAT,
        "made_for": native.facts(),
        "devices": list(devices),
        "models": {
            name: {"file": each.file, "bytes": each.bytes, "kernels": each.kernels} for name, each in models.items()
        },
        "code": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in code
        },
    }
    return json.dumps(tables, indent=2).encode() + b"\n"
