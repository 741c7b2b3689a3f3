"""The model that a subcommand is about."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hal.device import Device, Progress
    from hal.types import PreferenceCode
    from runtime.model import Model

_KINDS = "a .nnhal or .tflite file, or the name of a model of fetch-models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe them."""
    add_model(parser)
    add_relaxed(parser)


def add_relaxed(parser: argparse.ArgumentParser) -> None:
    """Describe the choice to relax the model."""
    parser.add_argument(
        "--relaxed", action="store_true", help="allow float32 to be computed with the precision of float16"
    )


def add_model(parser: argparse.ArgumentParser, name: str = "model", which: str = "") -> None:
    """Describe the argument ``name``: a model, ``which`` being what it is to the command."""
    parser.add_argument(name, metavar=name.upper(), help=f"{which}: {_KINDS}" if which else _KINDS)


def add_models(parser: argparse.ArgumentParser) -> None:
    """Describe the argument ``models``: one or several."""
    parser.add_argument("models", metavar="MODEL", nargs="+", help=_KINDS)


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Describe the choice of devices."""
    parser.add_argument(
        "--devices",
        metavar="A,B",
        type=names,
        help="the devices that may be used, and no others (default: all there are)",
    )


def add_preference(parser: argparse.ArgumentParser, default: str = "speed") -> None:
    """Describe the choice of a preference."""
    parser.add_argument(
        "--prefer",
        choices=("speed", "sustained", "power"),
        help=f"what the compilation optimises for (default: {default})",
    )


def preferences(arguments: argparse.Namespace) -> list[PreferenceCode]:
    """The preference that was chosen, or all, the default first."""
    from tools.explain.summary import PREFERENCES

    return [each for each, name in PREFERENCES.items() if arguments.prefer in (None, name)]


def names(text: str) -> list[str]:
    """The names in a list."""
    listed = [name.strip() for name in text.split(",")]
    if not all(listed) or len(set(listed)) < len(listed):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of different names, separated by commas")
    return listed


def load(arguments: argparse.Namespace, progress: Progress) -> tuple[Path, Model]:
    """The model's file and the model; a model of fetch-models is fetched if need be."""
    return load_named(arguments.model, progress, relaxed=arguments.relaxed)


def load_named(model: str, progress: Progress, *, relaxed: bool = False) -> tuple[Path, Model]:
    """The file and the model that an argument names."""
    path = resolve(model, progress)
    from tools.importers import load_model

    return path, load_model(path, relaxed=relaxed)


def resolve(model: str, progress: Progress) -> Path:
    """The model's file: ``model`` itself, or that of the model so called."""
    path = Path(model)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    from tools.models import fetch_models

    return fetch_models(None, progress, [model])[model]


def chosen(arguments: argparse.Namespace) -> list[Device]:
    """The devices that may be used."""
    from runtime.discovery import device, devices

    return devices() if arguments.devices is None else [device(name) for name in arguments.devices]
