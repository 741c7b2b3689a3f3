"""``nnhal systolic``: how long a systolic array takes for a network's layers."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from tools.cli import output


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "systolic",
        help="cycles that a systolic array takes for layers",
        description="Cycles that a systolic array takes for each layer of a network. compute_cycles, with operands "
        "always at hand, are SCALE-Sim 3's; total_cycles are those with waiting for memory, through double-buffered "
        "scratchpads of 64 KiB for each of input, filters and output; utilization is the share of the array's "
        "multiply-accumulates in compute_cycles that the layer needs.",
    )
    parser.add_argument("--rows", metavar="R", type=_count, required=True, help="rows of the array")
    parser.add_argument("--cols", metavar="C", type=_count, required=True, help="columns of the array")
    parser.add_argument(
        "--dataflow",
        choices=("ws", "os", "is"),
        required=True,
        help="what lies still in the array: the weights, the outputs or the inputs",
    )
    parser.add_argument(
        "--layers", metavar="FILE.csv", type=Path, required=True, help="the layers, as in SCALE-Sim's topology files"
    )
    parser.add_argument(
        "--bandwidth",
        metavar="BYTES_PER_CYCLE",
        type=_rate,
        default=math.inf,
        help="of memory, reads and writes together (default: no limit)",
    )
    return parser


def _count(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 999999999")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of bytes above 0")
    return rate


def execute(arguments: argparse.Namespace) -> None:
    """Print what each layer takes."""
    from drivers.npu.systolic import Dataflow, SystolicArray, estimate
    from tools.topology import read_topology

    array = SystolicArray(arguments.rows, arguments.cols, Dataflow(arguments.dataflow))
    layers = read_topology(arguments.layers)
    estimates = [(name, estimate(layer, array, bandwidth=arguments.bandwidth)) for name, layer in layers]
    if arguments.json:
        output.print_json(
            [
                {
                    "layer": name,
                    "compute_cycles": each.compute_cycles,
                    "total_cycles": each.total_cycles,
                    "utilization": each.utilization,
                    "traffic_bytes": {
                        "input": each.traffic.input,
                        "filters": each.traffic.filters,
                        "output": each.traffic.output,
                    },
                }
                for name, each in estimates
            ]
        )
    else:
        rows = [
            [
                name,
                f"{each.compute_cycles:,}",
                f"{each.total_cycles:,}",
                f"{each.utilization:.1%}",
                f"{each.traffic.total:,}",
            ]
            for name, each in estimates
        ]
        title = f"{array.rows} x {array.columns}, {arguments.dataflow}"
        output.print_table(title, ["layer", "compute_cycles", "total_cycles", "utilization", "traffic_bytes"], rows)
