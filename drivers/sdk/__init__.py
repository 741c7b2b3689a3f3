"""Turn an implementation of ``hal.device.Device`` into a driver: ``serve(device, address)``."""

from drivers.sdk.server import serve

__all__ = ["serve"]
