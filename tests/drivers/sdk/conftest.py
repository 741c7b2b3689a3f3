"""A real service of the CPU device in a process of its own, and a bare gRPC client of it."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import grpc
import pytest

from hal.memory import Folder, runtime_directory
from protos.nnhal.v1 import device_pb2_grpc

ROOT = Path(__file__).parents[3]

SERVER = """
import sys
from drivers.sdk import serve
from drivers.sdk.registry import load_device
if __name__ == "__main__":
    device = load_device("cpu", *sys.argv[2:])
    serve(device, sys.argv[1], insecure=True, ready=lambda address: print(address, flush=True))
"""


class Service:
    def __init__(self, address, program, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, program, address, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the service did not start"
        self.channel = grpc.insecure_channel(self.address, options=[("grpc.max_send_message_length", -1)])
        self.stub = device_pb2_grpc.DeviceStub(self.channel)

    def end(self):
        self.channel.close()
        self.process.kill()
        self.process.wait()


def new_socket():
    return f"unix:{runtime_directory()}/{uuid.uuid4().hex[:8]}.socket"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "server.py"
    path.write_text(SERVER)
    return path


@pytest.fixture(scope="module")
def service(program):
    """On a Unix socket."""
    service = Service(new_socket(), program)
    yield service
    service.end()


@pytest.fixture
def start(program):
    """Starts another service like it, of a description if one is given."""
    services = []

    def start(*description):
        services.append(Service(new_socket(), program, *description))
        return services[-1]

    yield start
    for service in services:
        service.end()


@pytest.fixture(scope="module")
def network_service(program):
    """On a TCP port."""
    service = Service("127.0.0.1:0", program)
    yield service
    service.end()


@pytest.fixture(scope="module")
def patient():
    """A driver that computes one execution at a time, each as long as its input says."""
    service = Service(new_socket(), Path(__file__).with_name("patient_driver.py"))
    yield service
    service.end()


@pytest.fixture
def folder():
    folder = Folder()
    yield folder
    folder.remove()
