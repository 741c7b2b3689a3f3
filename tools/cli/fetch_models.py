"""``nnhal fetch-models``: real models to try things with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tools.cli import output


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "fetch-models",
        help="download MediaPipe's models",
        description="Download MediaPipe's .tflite models, once, checked by SHA-256.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, nargs="?", help="where to (default: the user's cache)")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Fetch the models and list them."""
    from tools.models import fetch_models

    with output.progress_shown("checking models") as progress:
        paths = fetch_models(arguments.directory, progress)
    if arguments.json:
        output.print_json([{"name": name, "path": str(path)} for name, path in paths.items()])
    else:
        rows = [[name, f"{path.stat().st_size:,}", str(path)] for name, path in paths.items()]
        output.print_table("Models", ["name", "bytes", "path"], rows)
