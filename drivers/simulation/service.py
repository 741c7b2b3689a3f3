"""The ``nnhal.v1.Simulator`` service, over a simulated device."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from drivers.sdk.status import reported
from drivers.simulation.device import SimulatedDevice, SimulatedPreparedModel
from hal.device import PreparedModel
from hal.faults import fault_from_wire
from protos.nnhal.v1 import simulation_pb2, simulation_pb2_grpc

SERVICE: str = simulation_pb2.DESCRIPTOR.services_by_name["Simulator"].full_name


class SimulatorService(simulation_pb2_grpc.SimulatorServicer):  # type: ignore[misc]
    """Answers for a device; ``prepared``: the prepared model with a token."""

    def __init__(self, device: SimulatedDevice, prepared: Callable[[int], PreparedModel]) -> None:
        self._device = device
        self._prepared = prepared

    def SetFaults(  # noqa: N802
        self, request: simulation_pb2.SetFaultsRequest, context: grpc.ServicerContext
    ) -> simulation_pb2.SetFaultsResponse:
        """Have other faults."""
        with reported(context):
            self._device.faults.set([fault_from_wire(each) for each in request.faults])
            return simulation_pb2.SetFaultsResponse()

    def GetDescription(  # noqa: N802
        self, request: simulation_pb2.GetDescriptionRequest, context: grpc.ServicerContext
    ) -> simulation_pb2.GetDescriptionResponse:
        """What the hardware is."""
        with reported(context):
            return simulation_pb2.GetDescriptionResponse(toml=self._device.text)

    def GetCommands(  # noqa: N802
        self, request: simulation_pb2.GetCommandsRequest, context: grpc.ServicerContext
    ) -> simulation_pb2.GetCommandsResponse:
        """What it executes for a prepared model."""
        with reported(context):
            prepared = self._prepared(request.prepared_model)
            assert isinstance(prepared, SimulatedPreparedModel)
            return simulation_pb2.GetCommandsResponse(commands=prepared.commands)


def add_simulator(device: SimulatedDevice, prepared: Callable[[int], PreparedModel], server: grpc.Server) -> str:
    """Have ``server`` serve the device's simulator; gives the service's name."""
    simulation_pb2_grpc.add_SimulatorServicer_to_server(SimulatorService(device, prepared), server)
    return SERVICE
