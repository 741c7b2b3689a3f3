"""``ANeuralNetworksCompilation_...``: compiling models for devices."""

from __future__ import annotations

import os

from runtime.c_api.boundary import implements
from runtime.c_api.c_data import C, ffi, instances, seconds
from runtime.caching import TOKEN_SIZE
from runtime.compilation import Compilation
from runtime.model import Model

implements("ANeuralNetworksCompilation_create")(Compilation)
implements("ANeuralNetworksCompilation_free")(Compilation.close)
implements("ANeuralNetworksCompilation_setPreference")(Compilation.set_preference)
implements("ANeuralNetworksCompilation_setPriority")(Compilation.set_priority)
implements("ANeuralNetworksCompilation_finish")(Compilation.finish)
implements("ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput")(
    Compilation.preferred_memory_alignment_for_input
)
implements("ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput")(
    Compilation.preferred_memory_padding_for_input
)
implements("ANeuralNetworksCompilation_getPreferredMemoryAlignmentForOutput")(
    Compilation.preferred_memory_alignment_for_output
)
implements("ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput")(
    Compilation.preferred_memory_padding_for_output
)


@implements("ANeuralNetworksCompilation_createForDevices")
def _create_for_devices(model: Model, devices: C, count: int) -> Compilation:
    return Compilation(model, instances("Device", devices, count, "devices"))


@implements("ANeuralNetworksCompilation_setTimeout")
def _set_timeout(compilation: Compilation, duration: int) -> None:
    compilation.set_timeout(seconds(duration))


@implements("ANeuralNetworksCompilation_setCaching")
def _set_caching(compilation: Compilation, directory: C, token: C) -> None:
    compilation.set_caching(os.fsdecode(ffi.string(directory)), bytes(ffi.buffer(token, TOKEN_SIZE)))
