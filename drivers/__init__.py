"""Everything on the device side: the SDK, the engine, the kernels, and one folder for each device."""
