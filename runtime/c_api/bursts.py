"""``ANeuralNetworksBurst_...``: bursts of executions."""

from __future__ import annotations

from runtime.burst import Burst
from runtime.c_api.boundary import implements

implements("ANeuralNetworksBurst_create")(Burst)
implements("ANeuralNetworksBurst_free")(Burst.close)
