"""e^x and its kin in float32, made of operations that compilers turn into vector instructions.

x = k ln 2 + r with k whole and |r| <= ln 2 / 2, so that e^x = 2^k e^r: the power of two is a matter of bits, and a
polynomial gives e^r to the last bit or the one before.
"""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper

_LOG2_E = np.float32(1 / np.log(2))
_LN2_HIGH = np.float32(355 / 512)  # few enough bits that its product with any k is exact
_LN2_LOW = np.float32(np.log(2) - 355 / 512)

_C2, _C3, _C4 = np.float32(0.5), np.float32(1.6666667e-01), np.float32(4.1666463e-02)
_C5, _C6, _C7 = np.float32(8.3333105e-03), np.float32(1.3933686e-03), np.float32(1.9891030e-04)
"""Of (e^r - 1 - r) / r^2, interpolated at Chebyshev's points."""


@helper
def _reduced(x):
    """k, and e^r - 1."""
    k = np.rint(x * _LOG2_E)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    tail = ((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
    return np.int32(k), tail * r * r + r


@helper
def _power_of_two(k):
    return np.int32((k + np.int32(127)) << np.int32(23)).view(np.float32)


@helper
def exponential(x):
    """e^x; 0 and infinity beyond what float32 holds."""
    low, high = np.float32(-104), np.float32(89)
    k, rest = _reduced(low if not x > low else (high if x > high else x))  # NaN has no k
    half = np.int32(k >> np.int32(1))  # 2^k itself may be no float32 where e^x is one
    result = (rest + np.float32(1)) * _power_of_two(half) * _power_of_two(np.int32(k - half))
    return result if x == x else x


@helper
def exponential_less_1(x):
    """e^x - 1, exact to the last bits near 0; only for x <= 0, else it is some number."""
    low = np.float32(-20)
    k, rest = _reduced(x if x > low else low)
    power = _power_of_two(k)
    return power * rest + (power - np.float32(1)) if x == x else x


@helper
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return np.float32(1) / (np.float32(1) + exponential(-x))


@helper
def hyperbolic_tangent(x):
    """-t / (t + 2) with t = e^-2x - 1, for the absolute value of x: exact to the last bits near 0 too."""
    t = exponential_less_1(np.float32(-2) * abs(x))
    result = -t / (t + np.float32(2))
    return result if x >= np.float32(0) else -result
