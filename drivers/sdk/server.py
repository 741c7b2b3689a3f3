"""Serve a device over gRPC, with the standard health and reflection services beside it."""

from __future__ import annotations

import ipaddress
import os
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, runtime_checkable

import grpc

from drivers.sdk import heap
from drivers.sdk.service import THREADS, DeviceService
from hal.device import Device, PreparedModel
from hal.errors import BadDataError, UnavailableDeviceError
from hal.memory import check_socket_path, runtime_directory
from hal.wire import MESSAGE_LIMIT
from protos.nnhal.v1 import device_pb2, device_pb2_grpc

SERVICE = device_pb2.DESCRIPTOR.services_by_name["Device"].full_name


@runtime_checkable
class OffersServices(Protocol):
    """A device with gRPC services of its own."""

    def add_services(self, server: grpc.Server, prepared: Callable[[int], PreparedModel]) -> Sequence[str]:
        """Add them to ``server``, and give their names; ``prepared``: the prepared model with a token."""


def serve(
    device: Device,
    address: str,
    *,
    insecure: bool = False,
    base: Path | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve ``device`` until the process is ended.

    ``address``: ``unix:PATH`` for applications of the same user on this machine, with tensors in
    shared memory; or ``HOST:PORT`` (port 0: a free one) for any machine, with tensors inline. The
    network has no encryption and asks nobody who they are: ``insecure`` must say that this is
    wanted. ``base``: the runtime directory, by default the user's. ``ready`` is called with the
    address once it answers. Raises ``BadDataError`` for an address that is none, and
    ``UnavailableDeviceError`` when it can't be had.
    """
    local = address.startswith("unix:")
    if not local:
        _check_network(address, insecure)
    if local and base is None:
        base = runtime_directory()
    _limit_memory()
    heap.give_large_arrays_back()
    server = grpc.server(
        ThreadPoolExecutor(THREADS),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_LIMIT),
            ("grpc.max_send_message_length", MESSAGE_LIMIT),
            ("grpc.so_reuseport", 0),
        ],
    )
    service = DeviceService(device, base if local else None)
    device_pb2_grpc.add_DeviceServicer_to_server(service, server)
    offered = device.add_services(server, service.prepared) if isinstance(device, OffersServices) else ()
    _add_standard_services(server, offered)
    if local:
        check_socket_path(address.removeprefix("unix:"))
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise UnavailableDeviceError(f"the service can't listen at {address}: {error}") from error
    server.start()
    ready(address if local else f"{address.rpartition(':')[0]}:{port}")
    server.wait_for_termination()


def _limit_memory() -> None:
    """Have allocations beyond the machine's memory fail, which a client hears of, instead of ending the process."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = physical if most == resource.RLIM_INFINITY else min(physical, most)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))


def _check_network(address: str, insecure: bool) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BadDataError(f"'{address}' is not an address; it must be unix:PATH or HOST:PORT")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        if not host.replace("-", "").replace(".", "").isalnum():
            raise BadDataError(f"'{host}' is not the name or the address of a host") from None
    if not insecure:
        raise BadDataError(
            f"{address} is on the network, where anybody who reaches it could use the device and read its data; "
            "say that this is wanted (insecure), or listen at unix:PATH"
        )


def _add_standard_services(server: grpc.Server, offered: Sequence[str]) -> None:
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    servicer = health.HealthServicer()
    servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection((SERVICE, *offered, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
