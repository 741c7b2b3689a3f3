"""What phones were measured to take, and what the simulated devices take for the same networks."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.sdk.registry import load_device
from drivers.simulation.device import SimulatedDevice
from drivers.simulation.estimate import graph
from drivers.simulation.timeline import Timeline
from tools.networks import Network, inception_v4, mobilenet_edgetpu, mobilenet_v1, mobilenet_v2


@dataclass(frozen=True, slots=True)
class Measurement:
    """A published one.

    ``description``: of the device that stands for the part, "cpu" or "npu/edge-tpu"; ``milliseconds``: of an execution.
    """

    description: str
    network: Network
    title: str
    quantized: bool
    milliseconds: float
    on: str
    source: str

    def simulated(self) -> Timeline:
        """The same network on the device that is described, at its highest level."""
        driver, _, variant = self.description.partition("/")
        device = load_device(driver, variant or None)
        assert isinstance(device, SimulatedDevice)
        main = self.network(self.quantized).main
        found = graph(main, [main.operands[index].dimensions for index in main.inputs])
        assert found is not None
        return device.timeline(found, device.description.power.levels[-1])


_LITE = "TensorFlow Lite"
_MODELS = "TensorFlow models"
_CORAL = "Coral"
_NNAPI = "Pixel 4, NNAPI"
_TPU = "Pixel 4, Edge TPU"
_BOARD = "Coral Dev Board"

MEASUREMENTS = (
    Measurement("cpu", mobilenet_v1, "MobileNet v1, float32", False, 14.0, "Pixel 4, 4 threads", _LITE),
    Measurement("cpu", mobilenet_v1, "MobileNet v1, 8 bits", True, 5.0, "Pixel 4, 4 threads", _LITE),
    Measurement("cpu", inception_v4, "Inception v4, float32", False, 324.1, "Pixel 4, 4 threads", _LITE),
    Measurement("gpu", mobilenet_v1, "MobileNet v1, float32", False, 9.0, "Pixel 4, GPU", _LITE),
    Measurement("gpu", inception_v4, "Inception v4, float32", False, 97.6, "Pixel 4, GPU", _LITE),
    Measurement("dsp", mobilenet_v1, "MobileNet v1, 8 bits", True, 3.2, _NNAPI, _LITE),
    Measurement("npu", mobilenet_v1, "MobileNet v1, 8 bits", True, 3.2, _NNAPI, _LITE),
    Measurement("npu", mobilenet_edgetpu, "MobilenetEdgeTPU, 8 bits", True, 3.6, _TPU, _MODELS),
    Measurement("npu/edge-tpu", mobilenet_v1, "MobileNet v1, 8 bits", True, 2.4, _BOARD, _CORAL),
    Measurement("npu/edge-tpu", mobilenet_v2, "MobileNet v2, 8 bits", True, 2.6, _BOARD, _CORAL),
)
