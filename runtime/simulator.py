"""The inside of a simulated device: faults on demand, its hardware's description, its commands.

For tests of an application or of a framework; a real device has none of this.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from hal.device import Device, PreparedModel
from hal.errors import BadDataError
from hal.faults import Fault, fault_to_wire
from protos.nnhal.v1 import simulation_pb2, simulation_pb2_grpc
from runtime.connection import ANSWER_LIMIT
from runtime.remote import RemoteDevice, RemotePreparedModel


class Simulator:
    """The simulator behind ``device``.

    Calls raise ``DeadObjectError`` when its driver has died, and all but ``description`` raise
    ``OpFailedError`` when the device is not a simulated one.
    """

    def __init__(self, device: Device) -> None:
        if not isinstance(device, RemoteDevice):
            raise BadDataError("only a device with a driver has a simulator; it must be one that discovery has found")
        self._device = device

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Have these faults in place of all that were set, counted from now; executions that hang go on."""
        request = simulation_pb2.SetFaultsRequest(faults=[fault_to_wire(fault) for fault in faults])
        connection = self._device.connection()
        with connection.call():
            simulation_pb2_grpc.SimulatorStub(connection.channel).SetFaults(request, timeout=ANSWER_LIMIT)

    def description(self) -> str | None:
        """The hardware that the device simulates, as TOML; None for a device that is not a simulated one."""
        connection = self._device.connection()
        stub = simulation_pb2_grpc.SimulatorStub(connection.channel)
        with connection.call():
            try:
                answer = stub.GetDescription(simulation_pb2.GetDescriptionRequest(), timeout=ANSWER_LIMIT)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    return None
                raise
        return str(answer.toml)

    def commands(self, prepared: PreparedModel) -> str:
        """The commands for one execution of a model prepared on this device, one a line; empty where it has none."""
        if not isinstance(prepared, RemotePreparedModel):
            raise BadDataError("the prepared model is not of a device with a driver")
        request = simulation_pb2.GetCommandsRequest(prepared_model=prepared.token)
        connection = self._device.connection()
        with connection.call():
            answer = simulation_pb2_grpc.SimulatorStub(connection.channel).GetCommands(request, timeout=ANSWER_LIMIT)
        return str(answer.commands)
