"""What operations and moves cost: as the devices say, or estimated where they don't."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hal.device import Capabilities, Cost, Performance, Transfer
from hal.errors import BadDataError
from hal.model import Lifetime, Operand, Operation, is_tensor
from hal.operand_rules import value_size
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError
from hal.types import DeviceType, OperandType, OperationType, PreferenceCode
from hal.workload import nominal_seconds, workload

FREE = Transfer(0.0, float("inf"))
"""Of a device that works in the host's memory."""

ASSUMED_TRANSFER = Transfer(50e-6, 5e9)
"""Of a device that does not say: what mobile accelerators behind a driver commonly take."""

ASSUMED_LAUNCH = Cost(100e-6, 100e-6)
"""Of such a device: a call to its driver and an interrupt back; what the device draws meanwhile is taken as 1 W."""

NOMINAL_WATTS = 2.0
"""What the nominal processor of ``hal.workload.nominal_seconds`` draws while it computes."""

MOVING_WATTS = 1.0
"""What memory and interconnect draw while a tensor is moved: some 100 pJ a byte (LPDDR4X, read at one end and
written at the other) at 10 GB/s. ``Transfer`` says how long that takes."""

CALL = Cost(100e-6, 100e-6 * MOVING_WATTS)
"""What it takes the runtime itself to have a subgraph executed, at least."""

LOOP_TRIPS = 10
"""How often a WHILE is taken to run its body, which nobody can know before: it weighs how dear the loop is."""

_UNKNOWN_SECONDS = 10e-6
"""For an operation whose work can't be told: an extension's, or one that depends on values."""

_AS_A_CPU = Performance(1.0, 1.0)

_TIE_WATTS = 1e-6
"""With LOW_POWER, what a second counts, so that among equal energies less time wins."""


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    seconds = joules = 0.0
    for cost in costs:
        seconds += cost.seconds
        joules += cost.joules
    return Cost(seconds, joules)


def scaled(cost: Cost, seconds: float, joules: float) -> Cost:
    """The cost with its parts multiplied by these factors."""
    return Cost(cost.seconds * seconds, cost.joules * joules)


def control_flow(operation: Operation, branches: Sequence[Cost]) -> Cost:
    """An IF or WHILE whose subgraphs cost that much: the mean of both, or ``LOOP_TRIPS`` times condition and body."""
    factor = LOOP_TRIPS if operation.type == OperationType.WHILE else 0.5
    return scaled(total(branches), factor, factor)


def price(cost: Cost, preference: PreferenceCode) -> float:
    """What there should be least of: seconds; with LOW_POWER, joules."""
    if preference is PreferenceCode.LOW_POWER:
        return cost.joules + _TIE_WATTS * cost.seconds
    return cost.seconds


def transfer(capabilities: Capabilities, device_type: DeviceType) -> Transfer:
    """A device's transfer; where it does not say, a CPU's is free and another's ``ASSUMED_TRANSFER``."""
    if capabilities.transfer is not None:
        return capabilities.transfer
    return FREE if device_type is DeviceType.CPU else ASSUMED_TRANSFER


def launch(capabilities: Capabilities, device_type: DeviceType) -> Cost:
    """What launching a device costs; where it does not say, a CPU's is free and another's ``ASSUMED_LAUNCH``."""
    if capabilities.launch is not None:
        return capabilities.launch
    return Cost(0.0, 0.0) if device_type is DeviceType.CPU else ASSUMED_LAUNCH


def moving(operand: Operand, by: Transfer) -> Cost:
    """Moving a tensor between the host's memory and a device."""
    seconds = by.seconds + operand_bytes(operand) / by.bytes_per_second
    return Cost(seconds, MOVING_WATTS * seconds)


def operand_bytes(operand: Operand) -> int:
    """Bytes of an operand's value; an unknown dimension counts as 1, and so does the size of an extension's."""
    return value_size(operand, _guessed(operand).dimensions) or 1


def nominal(operation: Operation, operands: Sequence[Operand]) -> Cost:
    """An operation's cost on a nominal processor; an unknown dimension counts as 1, with an unknown rank nothing is."""
    if any(_has_unknown_rank(operands[index]) for index in (*operation.inputs, *operation.outputs)):
        return _of(_UNKNOWN_SECONDS)
    guessed = {index: _guessed(operands[index]) for index in (*operation.inputs, *operation.outputs)}
    numbers = {index: number for number, index in enumerate(guessed)}
    inputs, outputs = ([numbers[index] for index in part] for part in (operation.inputs, operation.outputs))
    try:
        renumbered = Operation(operation.type, tuple(inputs), tuple(outputs))
        return _of(nominal_seconds(workload(renumbered, list(guessed.values()))))
    except (UnknownValueError, BadDataError):  # the latter: what is guessed does not fit, or is an extension's
        return _of(_UNKNOWN_SECONDS)


def _of(seconds: float) -> Cost:
    return Cost(seconds, NOMINAL_WATTS * seconds)


def _has_unknown_rank(operand: Operand) -> bool:
    return is_tensor(operand) and not operand.dimensions and operand.lifetime is not Lifetime.NO_VALUE


def advertised(
    operation: Operation, operands: Sequence[Operand], capabilities: Capabilities, *, relaxed: bool
) -> Performance:
    """How a device says that it compares with a CPU in such an operation; as one, where it says nothing."""
    if operation.type == OperationType.IF:
        return capabilities.if_
    if operation.type == OperationType.WHILE:
        return capabilities.while_
    declaration = DECLARATIONS.get(operation.type)
    if declaration is None:
        return _AS_A_CPU
    data_type = declaration.data_type([operands[index] for index in operation.inputs])
    if relaxed and data_type is OperandType.TENSOR_FLOAT32:
        return capabilities.relaxed_tensor
    return capabilities.operand_performance.get(data_type, _AS_A_CPU)


def _guessed(operand: Operand) -> Operand:
    """The operand with 1 for each dimension that is unknown."""
    if not is_tensor(operand) or (operand.dimensions and 0 not in operand.dimensions):
        return operand
    return replace(operand, dimensions=tuple(size or 1 for size in operand.dimensions) or (1,))
