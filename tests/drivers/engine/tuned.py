"""A driver's process that prepares a model of convolutions, and tells what it took and what it tried.

Its arguments are how many convolutions, all of unlike sizes, and of what, float32 or int8; it prepares the model twice.
"""

import json
import sys

import numpy as np

from drivers.engine import native, tuning
from hal.model import Operand
from hal.types import OperandType
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network


def network(count, dtype="float32"):
    """The model."""
    network, int8 = Network(), Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, scale=0.5)
    x = network.input(1, 20, 23, 16, like=None if dtype == "float32" else int8)
    for number in range(count):
        depth, channels = 16 + number, 17 + number
        weights, bias = np.ones((channels, 1, 1, depth), np.float32), np.zeros(channels, np.float32)
        if dtype == "int8":
            weights = network.constant(weights, int8)
            bias = network.constant(bias, Operand(OperandType.TENSOR_INT32, scale=0.25))
        x = network.apply(O.CONV_2D, x, weights, bias, 2, 1, 1, 0)
    return network.model(x)


def main():
    prepared = []
    for _ in range(2):
        with native.recording() as linked:
            model, dtype = network(int(sys.argv[1]), sys.argv[2]), sys.argv[2]
            program, *_ = programs.lowered(model, [np.zeros((1, 20, 23, 16), dtype)])
        taken = [command.kernel.variant for command in program.commands]
        tried = {name.partition(".")[2] for module, name in linked if module.startswith("drivers.kernels.tiled")} - set(
            taken
        )
        prepared.append({"taken": taken, "tried": sorted(tried)})
    print(json.dumps({"prepared": prepared, "answers": tuning.answers()}))


if __name__ == "__main__":
    main()
