"""A driver for tests of waiting: it computes one execution at a time, each as long as its input says.

Models are ignored. Input 0 is seconds (float32), output 0 which execution of this driver it was
(float32, from 1). A negative input fails after as many seconds.
"""

import itertools
import sys
import threading
import time

import numpy as np

from drivers.sdk import serve
from drivers.sdk.bursts import Next
from hal.device import (
    Capabilities,
    Device,
    DeviceInfo,
    ExecutionResult,
    OrdinaryBurst,
    Performance,
    PreparedModel,
    Span,
    Support,
    Timing,
)
from hal.errors import OpFailedError
from hal.types import DeviceType, FeatureLevel, PreferenceCode

ONE = Performance(1, 1)


class Patient(Device):
    def __init__(self):
        self.numbers = itertools.count(1)
        self.alone = threading.Lock()

    @property
    def info(self):
        return DeviceInfo("patient", "1", DeviceType.ACCELERATOR, FeatureLevel.LEVEL_8)

    def capabilities(self):
        return Capabilities({}, ONE, ONE, ONE, ONE)

    def supported_operations(self, model, preference=PreferenceCode.FAST_SINGLE_ANSWER):
        return [Support() for _ in model.main.operations]

    def prepare_model(self, model, options, progress):
        return PatientModel(self)


class PatientModel(PreparedModel):
    def __init__(self, device):
        self._device = device

    def execute(self, request):
        assert self._device.alone.acquire(blocking=False), "two executions at once"
        try:
            seconds = float(request.inputs[0].data.view(np.float32)[0])
            number = next(self._device.numbers)
            time.sleep(abs(seconds))
            if seconds < 0:
                raise OpFailedError("it was told to fail")
            request.outputs[0].data.view(np.float32)[0] = number
        finally:
            self._device.alone.release()
        timing = Timing(on_hardware=1, in_driver=1000) if request.measure else Timing()
        return ExecutionResult(((1,),), timing, (Span("compute", "sleep", 10, 20),) if request.trace else ())

    def open_burst(self):
        return PatientBurst(self)

    def close(self):
        pass


class PatientBurst(OrdinaryBurst):
    """Could answer requests by itself, and leaves all of them alone."""

    def attach(self, line):
        pass

    def arrange(self, form, request):
        pass

    def answer(self, served, until):
        return served, Next.OTHER


if __name__ == "__main__":
    serve(Patient(), sys.argv[1], ready=lambda address: print(address, flush=True))
