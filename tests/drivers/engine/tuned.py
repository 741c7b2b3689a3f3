"""A driver's process that prepares a model of convolutions, and tells what it took and what it tried.

Its argument is how many convolutions, all of unlike sizes; it prepares the model twice.
"""

import json
import sys

import numpy as np

from drivers.engine import native, tuning
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network


def network(count):
    """The model."""
    network = Network()
    x = network.input(1, 20, 23, 16)
    for number in range(count):
        depth, channels = 16 + number, 17 + number
        weights = np.ones((channels, 1, 1, depth), np.float32)
        x = network.apply(O.CONV_2D, x, weights, np.zeros(channels, np.float32), 2, 1, 1, 0)
    return network.model(x)


def main():
    prepared = []
    for _ in range(2):
        with native.recording() as linked:
            program, *_ = programs.lowered(network(int(sys.argv[1])), [np.zeros((1, 20, 23, 16), np.float32)])
        taken = [command.kernel.variant for command in program.commands]
        tried = {name.partition(".")[2] for module, name in linked if module == "drivers.kernels.tiled"} - set(taken)
        prepared.append({"taken": taken, "tried": sorted(tried)})
    print(json.dumps({"prepared": prepared, "answers": tuning.answers()}))


if __name__ == "__main__":
    main()
