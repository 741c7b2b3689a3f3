"""Programs all of whose memory ends, or begins, where a page begins that nobody may touch.

What a kernel reads or writes there ends the process; what it writes on the other side of an array changes
bytes that are looked at afterwards.
"""

import ctypes
import mmap
import signal
import sys

import numpy as np

import drivers.engine.arena
from drivers.engine import lowering, processor
from drivers.engine.program import Buffer, Memory
from drivers.kernels import tiled, tiles
from hal import reference
from hal.model import Operand
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network

PAGE = mmap.PAGESIZE
FILLING = 0xA5
_NO_ACCESS = 0


class Field:
    """Memory in which arrays of these sizes, in bytes, lie apart, each between two fences.

    ``at_end``: whether they end at a fence, or begin at one.
    """

    def __init__(self, sizes, at_end):
        self.offsets, position = [], PAGE
        for size in sizes:
            room = -(-size // PAGE) * PAGE
            self.offsets.append(position + at_end * (room - size))
            position += room + PAGE
        self.sizes = sizes
        self.memory = np.frombuffer(mmap.mmap(-1, position + PAGE), np.uint8)
        self.memory[:] = FILLING
        mprotect = ctypes.CDLL(None).mprotect
        fences = {0, *(-(-(offset + size) // PAGE) * PAGE for offset, size in zip(self.offsets, sizes))}
        for fence in fences:
            assert mprotect(ctypes.c_void_p(self.memory.ctypes.data + fence), PAGE, _NO_ACCESS) == 0

    def arrays(self):
        """The arrays' bytes."""
        return [self.memory[offset : offset + size] for offset, size in zip(self.offsets, self.sizes)]

    def is_intact(self):
        """Whether nothing was written between arrays and fences."""
        for offset, size in zip(self.offsets, self.sizes):
            first, last = offset // PAGE * PAGE, -(-(offset + size) // PAGE) * PAGE
            around = self.memory[first:offset], self.memory[offset + size : last]
            if any((each != FILLING).any() for each in around):
                return False
        return True


class Fences:
    """Puts constants and the arena of programs that are lowered from now on into fields of their own."""

    def __init__(self, at_end):
        self.at_end = at_end
        self.fields = []
        self.arena = None
        lowering.constant = self.constant
        drivers.engine.arena.plan = self.plan

    def copied(self, array):
        """An array with the same elements in a field."""
        field = Field([array.nbytes], self.at_end)
        self.fields.append(field)
        copy = field.arrays()[0].view(array.dtype).reshape(array.shape)
        copy[...] = array
        return copy

    def constant(self, array):
        return Buffer(Memory.CONSTANT, array.nbytes, array=self.copied(array))

    def plan(self, lifespans):
        self.arena = Field([each.size for each in lifespans], self.at_end)
        self.fields.append(self.arena)
        return self.arena.offsets, len(self.arena.memory)

    def run(self, model, inputs, threads):
        """The outputs of a program of which everything lies in fields."""
        lowered, arguments, outputs = programs.lowered(model, inputs)
        count = len(arguments) - len(outputs)
        arguments = [self.copied(np.ascontiguousarray(each)) for each in arguments]
        frame = lowered.frame(self.arena.memory)
        frame.bind(arguments)
        programs.threads(threads).run(frame.job)
        return arguments[count:]


def least_fitting(known, widest):
    """A choice of the tile that reaches furthest past the last pixel, and past the last channel.

    ``widest``: the channels that a tile may have, by how many channels there are.
    """

    def choose(pixels, channels, _):
        possible = [
            tile
            for tile in known.values()
            if tile.rows <= pixels and tile.lanes <= min(processor.lanes(), channels) and tile.width <= widest(channels)
        ]
        return [max(possible, key=lambda tile: (-pixels % tile.rows, -channels % tile.width, tile.width))]

    return choose


def least_fitting_taps(vertical, horizontal, channels):
    """The same for depthwise sums: the tile that reaches furthest past the last line, and past the last pixel."""
    possible = [
        tile
        for tile in tiles.TAP_TILES.values()
        if tile.lanes <= min(processor.lanes(), channels)
        and tile.pixels <= horizontal.output
        and (tile.lines == 1 or vertical.dilation == 1)
    ]
    return [
        max(possible, key=lambda tile: (-vertical.output % tile.lines, -horizontal.output % tile.pixels, tile.lanes))
    ]


def numbers(*shape, dtype=np.float32):
    random = np.random.default_rng(shape)
    if dtype == np.float32:
        return random.standard_normal(shape).astype(np.float32)
    return random.integers(-100, 100, shape).astype(dtype)


INT8 = Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, scale=0.5, zero_point=3)
WEIGHTS = Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, scale=0.25)
BIAS = Operand(OperandType.TENSOR_INT32, scale=0.125)
RESULT = Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, scale=40.0, zero_point=-2)
TOTAL = Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, scale=41.0, zero_point=5)
SLOPES = Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, scale=0.012)


def product(operation_type, image, weights, *rest, quantized, constant_weights=True, after=()):
    """A network of a product, and of what follows it, and its inputs."""
    network = Network()
    channels = weights[3] if operation_type is O.DEPTHWISE_CONV_2D else weights[0]
    if quantized:
        x = network.input(*image, like=INT8)
        filters = network.constant(numbers(*weights, dtype=np.int8), WEIGHTS)
        bias = network.constant(numbers(channels, dtype=np.int32), BIAS)
        inputs = [numbers(*image, dtype=np.int8)]
        value = network.apply(operation_type, x, filters, bias, *rest, like=RESULT)
        for each in after:
            shape = network.operands[value.index].dimensions
            if each is O.ADD:
                inputs.append(numbers(*shape, dtype=np.int8))
                value = network.apply(O.ADD, value, network.input(*shape, like=INT8), FuseCode.NONE, like=TOTAL)
            else:
                slopes = network.constant(numbers(shape[3], dtype=np.int8), SLOPES)
                value = network.apply(each, value, slopes, like=RESULT)
        return network.model(value), inputs
    inputs = [numbers(*image)]
    x = network.input(*image)
    filters = numbers(*weights)
    if not constant_weights:
        inputs.append(filters)
        filters = network.input(*weights)
    value = network.apply(operation_type, x, filters, numbers(channels), *rest)
    for each in after:
        shape = network.operands[value.index].dimensions
        if each is O.ADD:
            inputs.append(numbers(*shape))
            value = network.apply(O.ADD, value, network.input(*shape), FuseCode.RELU6)
        else:
            value = network.apply(each, value, *([numbers(shape[3])] if each is O.PRELU else []))
    return network.model(value), inputs


def cases():
    """Products of awkward sizes: their names, models and inputs."""
    for channels in (1, 3, 7, 16, 17, 33, 40):
        for height, width in ((1, 1), (5, 7), (3, 19)):
            for quantized in (False, True):
                name = f"{height}x{width}x{channels} {'int8' if quantized else 'float32'}"
                image, none = (2, height, width, 5), (0, 0, 0, 0)
                point, around = (channels, 1, 1, 5), (1, 0, 1, 1)
                wide, walk = (channels, 3, 2, 5), (2, 1, FuseCode.RELU)
                own = (2, height, width, channels)
                taps, square = (1, 3, 3, channels), (1, 1, 1, 1)
                for several in (("point", image, point, *none, 1, 1, 0), ("window", image, wide, *around, *walk)):
                    yield f"CONV_2D {several[0]} {name}", product(O.CONV_2D, *several[1:], quantized=quantized)
                yield (
                    f"DEPTHWISE_CONV_2D {name}",
                    product(O.DEPTHWISE_CONV_2D, own, taps, *square, 1, 2, 1, 0, quantized=quantized),
                )
                flat = (height, width * 5)
                yield (
                    f"FULLY_CONNECTED {name}",
                    product(O.FULLY_CONNECTED, flat, (channels, width * 5), 0, quantized=quantized),
                )
            yield (
                f"CONV_2D, ADD, PRELU {height}x{width}x{channels} int8",
                product(
                    O.CONV_2D, (2, height, width, 5), (channels, 1, 1, 5), 0, 0, 0, 0, 1, 1, 0,
                    quantized=True, after=[O.ADD, O.PRELU],
                ),
            )  # fmt: skip
            for constant_weights in (True, False):
                yield (
                    f"CONV_2D, ADD, PRELU {height}x{width}x{channels}, filter constant: {constant_weights}",
                    product(
                        O.CONV_2D, (1, height, width, 5), (channels, 1, 1, 5), 0, 0, 0, 0, 1, 1, 0,
                        quantized=False, constant_weights=constant_weights, after=[O.ADD, O.PRELU, O.HARD_SWISH],
                    ),
                )  # fmt: skip


def main(side, threads):
    """Run all cases; the last line that is printed names the one in which the process ends."""
    lowering.WORTH_SHARING = 0
    tiled.product_tiles = least_fitting(tiles.PRODUCT_TILES, lambda channels: 4 * channels)
    tiled.tap_tiles = least_fitting_taps
    fences = Fences(at_end=side == "end")
    for name, (model, inputs) in cases():
        print(name, flush=True)
        outputs = fences.run(model, inputs, int(threads))
        for actual, exact in zip(outputs, reference.run(model, inputs)):
            tolerance = 1e-4 if exact.dtype == np.float32 else 1.0
            np.testing.assert_allclose(actual.astype(np.float64), exact, rtol=1e-4, atol=tolerance)
        assert all(each.is_intact() for each in fences.fields), "something was written outside of arrays"
        fences.fields.clear()
    print("all right")


def trespass(side, deed):
    """Have a kernel go one element past an array's end or begin, to see that it is noticed."""
    fences = Fences(at_end=side == "end")
    network = Network()
    model = network.model(network.apply(O.RELU, network.input(1000)))
    lowered, *_ = programs.lowered(model, [numbers(1000)])
    source, out = (fences.copied(numbers(1000)) for _ in range(2))
    past = slice(1, None) if side == "end" else slice(-1)
    shift = 4 if side == "end" else -4
    assert source[past].size == 999
    given = {"read": [source, out], "write": [out, source], "write inside": [source, out]}[deed]
    moved = 0 if deed == "read" else 1
    if deed == "write inside":
        shift = -shift
    addresses = [each.ctypes.data for each in given]
    addresses[moved] += shift
    frame = lowered.frame(fences.arena.memory)
    frame.bind([_At(address) for address in addresses])
    programs.threads(1).run(frame.job)
    assert not all(each.is_intact() for each in fences.fields)
    print("noticed")


class _At:
    """What a frame binds: something at an address."""

    def __init__(self, address):
        self.ctypes = self
        self.data = address


if __name__ == "__main__":
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    {"main": main, "trespass": trespass}[sys.argv[1]](*sys.argv[2:])
