"""``nnhal devices``: the devices there are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import output

if TYPE_CHECKING:
    from hal.device import Device


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "devices",
        help="list the devices",
        description="List the devices that models can run on, and the hardware that simulated ones follow.",
    )
    parser.add_argument(
        "--spec",
        metavar="FILE.toml",
        type=Path,
        action="append",
        default=[],
        help="also list the device that this hardware description describes, under the file's name",
    )
    parser.add_argument(
        "--show",
        metavar="DRIVER/VARIANT",
        help="print a hardware description that comes with a driver, to copy and change, such as cpu/snapdragon-855",
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """List the devices, or print a description."""
    if arguments.show is not None:
        print(_shipped(arguments.show), end="")
        return
    from runtime.discovery import described, devices

    with output.progress_shown("starting drivers"):
        found = [_figures(device) for device in [*devices(), *map(described, arguments.spec)]]
    if arguments.json:
        output.print_json(found)
    else:
        rows = [
            [
                each["name"],
                each["type"],
                each["part"] or "-",
                ", ".join(f"{level['clock_hz'] / 1e6:.0f}" for level in each["levels"]) or "-",
                each["feature_level"],
                each["version"],
            ]
            for each in found
        ]
        output.print_table("Devices", ["name", "type", "simulated part", "MHz", "feature level", "version"], rows)


def _figures(device: Device) -> dict[str, Any]:
    from drivers.sdk.descriptions import table_of
    from runtime.simulator import Simulator

    info = device.info
    text = Simulator(device).description()
    hardware = {} if text is None else table_of(text, info.name)
    return {
        "name": info.name,
        "type": info.type.name,
        "version": info.version,
        "feature_level": info.feature_level.name,
        "extensions": list(info.extensions),
        "part": hardware.get("device", {}).get("part"),
        "levels": hardware.get("power", {}).get("levels", []),
    }


def _shipped(which: str) -> str:
    from drivers.sdk.descriptions import shipped_text, variants
    from drivers.sdk.registry import package_of
    from hal.errors import BadDataError

    driver, _, variant = which.partition("/")
    package = package_of(driver)
    if variant not in variants(package):
        known = ", ".join(f"{driver}/{each}" for each in variants(package)) or "none"
        raise BadDataError(f"the driver '{driver}' has no description '{which}'; it has {known}")
    return shipped_text(package, variant)
