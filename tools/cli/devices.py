"""``nnhal devices``: the devices there are."""

from __future__ import annotations

import argparse
from typing import Any

from tools.cli import output


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "devices", help="list the devices", description="List the devices that models can run on."
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """List the devices."""
    from runtime.discovery import devices

    with output.progress_shown("starting drivers"):
        infos = [device.info for device in devices()]
    described = [
        {
            "name": info.name,
            "type": info.type.name,
            "version": info.version,
            "feature_level": info.feature_level.name,
            "extensions": list(info.extensions),
        }
        for info in infos
    ]
    if arguments.json:
        output.print_json(described)
    else:
        rows = [[info.name, info.type.name, info.version, info.feature_level.name] for info in infos]
        output.print_table("Devices", ["name", "type", "version", "feature level"], rows)
