"""A driver that checks nothing: it accepts every model and request, and of some it dies.

``python -m tests.tools.conformance.careless_driver ADDRESS`` serves it. A model with no operations ends
the process; one with no inputs is refused, but with the wrong code.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from drivers.sdk.status import reported
from hal.errors import OpFailedError
from protos.nnhal.v1 import device_pb2, device_pb2_grpc


class CarelessService(device_pb2_grpc.DeviceServicer):
    def GetInfo(self, request, context):  # noqa: N802
        return device_pb2.DeviceInfo(name="careless", version="1", feature_level=1000008)

    def GetCapabilities(self, request, context):  # noqa: N802
        return device_pb2.Capabilities()

    def GetSupportedOperations(self, request, context):  # noqa: N802
        with reported(context):
            main = request.model.main
            if not main.operations:
                os._exit(1)
            if not main.inputs:
                raise OpFailedError("something went wrong")
            supports = [device_pb2.OperationSupport()] * len(main.operations)
            return device_pb2.GetSupportedOperationsResponse(operations=supports)

    def PrepareModel(self, request, context):  # noqa: N802
        yield device_pb2.PrepareModelUpdate(prepared=device_pb2.PrepareModelUpdate.Prepared(token=1))

    def Execute(self, request, context):  # noqa: N802
        return device_pb2.ExecuteResponse()


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(8))
    device_pb2_grpc.add_DeviceServicer_to_server(CarelessService(), server)
    server.add_insecure_port(sys.argv[1])
    server.start()
    print(sys.argv[1], flush=True)
    server.wait_for_termination()
