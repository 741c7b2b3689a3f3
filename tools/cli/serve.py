"""``nnhal serve``: a device for others."""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="serve a device",
        description="Serve a device to other processes until interrupted.",
    )
    parser.add_argument("device", metavar="DEVICE", help="the device's name, such as cpu")
    parser.add_argument(
        "--description",
        metavar="DESCRIPTION",
        help="the hardware to simulate: a .toml file, under any device name, or a variant that comes with the driver",
    )
    parser.add_argument("--listen", metavar="ADDRESS", required=True, help="HOST:PORT or unix:PATH to listen on")
    parser.add_argument(
        "--insecure", action="store_true", help="allow HOST:PORT without encryption: anyone who reaches it may use it"
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Serve the device; say where, once it answers; leave no socket behind when told to end."""
    from drivers.sdk.registry import load_device
    from drivers.sdk.server import serve
    from tools.cli import INTERRUPTED, OK

    sockets: list[Path] = []

    def ready(address: str) -> None:
        if address.startswith("unix:"):
            sockets.append(Path(address.removeprefix("unix:")))
        if arguments.json:
            print(json.dumps({"device": arguments.device, "address": address}), flush=True)
        else:
            print(f"{arguments.device} answers at {address}", flush=True)

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for socket in sockets:
            socket.unlink(missing_ok=True)
        os._exit(INTERRUPTED if number == signal.SIGINT else OK)  # clients' calls are open, executions may hang

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    device = load_device(arguments.device, arguments.description)
    serve(device, arguments.listen, insecure=arguments.insecure, ready=ready)
