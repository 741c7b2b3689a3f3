"""Hashes of a tensor's values."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import Arguments, Array, Declaration, TensorSpec, int32, only, tensor
from hal.types import FeatureLevel, OperandType, OperationType

_PRIMES = (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F)
"""FarmHash's constants, which it calls k0, k1 and k2."""

_K0, _K1, _K2 = (np.uint64(prime) for prime in _PRIMES)


class LshProjectionType(IntEnum):
    """What LSH_PROJECTION makes of its bits: a number of those of each hash function, or each for itself."""

    SPARSE_DEPRECATED = 1
    DENSE = 2
    SPARSE = 3


def fingerprints(keys: Array) -> Array:
    """The 64-bit fingerprint of each row of bytes, as FarmHash's ``Fingerprint64`` defines it.

    ``keys``: uint8 [n, bytes], of 4 bytes or more. Returns uint64 [n]. All arithmetic is modulo 2^64.
    """
    length = keys.shape[1]
    if length > 64:
        return _fingerprints_of_blocks(keys)
    factor = _modular(_PRIMES[2] + 2 * length)
    if length < 8:
        head, tail = (keys[:, at : at + 4].copy().view("<u4")[:, 0].astype(np.uint64) for at in (0, length - 4))
        return _combined(np.uint64(length) + (head << np.uint64(3)), tail, factor)
    if length <= 16:
        head, tail = _word(keys, 0) + _K2, _word(keys, length - 8)
        return _combined(_rotated(tail, 37) * factor + head, (_rotated(head, 25) + tail) * factor, factor)
    a = _word(keys, 0) * (_K1 if length <= 32 else _K2)
    b, c, d = _word(keys, 8), _word(keys, length - 8) * factor, _word(keys, length - 16) * _K2
    first = _rotated(a + b, 43) + _rotated(c, 30) + d
    second = a + _rotated(b + _K2, 18) + c
    if length <= 32:
        return _combined(first, second, factor)
    second = _combined(first, second, factor)
    e, f = _word(keys, 16) * factor, _word(keys, 24)
    g, h = (first + _word(keys, length - 32)) * factor, (second + _word(keys, length - 24)) * factor
    return _combined(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, factor)


def _fingerprints_of_blocks(keys: Array) -> Array:
    """Blocks of 64 bytes one after the other, and at the end once more the last 64 bytes, wherever they begin."""
    count, length = keys.shape
    zero = np.zeros(count, np.uint64)
    x: Array = zero + _modular(81 * _PRIMES[2]) + _word(keys, 0)
    y: Array = zero + _modular(81 * _PRIMES[1] + 113)
    z = _shift_mixed(y * _K2 + np.uint64(113)) * _K2
    v: tuple[Array, Array] = (zero, zero)
    w = v
    factor: Array | np.uint64 = _K1
    nine = np.uint64(1)
    last = (length - 1) // 64 * 64
    for block in (*range(0, last, 64), length - 64):
        if block == length - 64:
            factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
            nine = np.uint64(9)
            w = (w[0] + np.uint64((length - 1) % 64), w[1])
            v = (v[0] + w[0], v[1])
            w = (w[0] + v[0], w[1])
        x = _rotated(x + y + v[0] + _word(keys, block + 8), 37) * factor
        y = _rotated(y + v[1] + _word(keys, block + 48), 42) * factor
        x = x ^ (w[1] * nine)
        y = y + v[0] * nine + _word(keys, block + 40)
        z = _rotated(z + w[0], 33) * factor
        v = _weakly_hashed(keys, block, v[1] * factor, x + w[0])
        w = _weakly_hashed(keys, block + 32, z + w[1], y + _word(keys, block + 16))
        x, z = z, x
    return _combined(
        _combined(v[0], w[0], factor) + _shift_mixed(y) * _K0 + z, _combined(v[1], w[1], factor) + x, factor
    )


def _modular(value: int) -> np.uint64:
    return np.uint64(value % 2**64)


def _word(keys: Array, at: int) -> Array:
    """The eight bytes of each row from ``at`` on, as one number."""
    words: Array = keys[:, at : at + 8].copy().view("<u8")
    return words[:, 0]


def _rotated(values: Array, bits: int) -> Array:
    return np.asarray((values >> np.uint64(bits)) | (values << np.uint64(64 - bits)))


def _shift_mixed(values: Array) -> Array:
    return np.asarray(values ^ (values >> np.uint64(47)))


def _combined(first: Array, second: Array, factor: Array | np.uint64) -> Array:
    """128 bits in 64."""
    mixed = _shift_mixed((first ^ second) * factor)
    return _shift_mixed((second ^ mixed) * factor) * factor


def _weakly_hashed(keys: Array, at: int, a: Array, b: Array) -> tuple[Array, Array]:
    """32 bytes of each row and two seeds in two numbers."""
    first, second, third, fourth = (_word(keys, at + offset) for offset in (0, 8, 16, 24))
    start = a + first
    total = start + second + third
    return total + fourth, _rotated(b + start + fourth, 21) + _rotated(total, 44) + start


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    functions, bits = a.hash.shape
    if 0 in a.input.shape:
        raise BadDataError(f"its input {list(a.input.shape)} is empty")
    if a.weight is not None and a.weight.shape != a.input.shape[:1]:
        raise BadDataError(f"its weight is {list(a.weight.shape)}; it must be {list(a.input.shape[:1])}")
    if a.projection_type == LshProjectionType.DENSE:
        return ((functions * bits,),)
    if bits + (functions - 1).bit_length() > 32:
        raise BadDataError(
            f"its hash {list(a.hash.shape)} has {functions} functions of {bits} bits; "
            "the bits and those that the functions' number needs must be 32 at most"
        )
    return ((functions,),)


def _check(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    if a.weight is not None and a.weight.type != a.hash.type:
        raise BadDataError(f"its weight is {a.weight.type.name}; it must be {a.hash.type.name} as its hash")


def _lsh_projection(a: Arguments) -> tuple[Array, ...]:
    """LSH_PROJECTION: bit[f, b] = 1 where the sum over i of weight[i] * fingerprint(hash[f, b], in[i, ...]) > 0.

    The fingerprint is that of the bytes of both, as a signed number. DENSE gives the bits; sparse the
    number that those of each function make, first bit highest, SPARSE with f * 2^bits added.
    """
    items = np.ascontiguousarray(a.input).view(np.uint8).reshape(len(a.input), -1)
    weights = np.ones(len(items)) if a.weight is None else a.weight.astype(np.float64)
    seeds = a.hash.astype("<f4").reshape(-1, 1).view(np.uint8)
    keys = (np.concatenate([np.tile(seed, (len(items), 1)), items], axis=1) for seed in seeds)
    scores = [float(weights @ fingerprints(key).view(np.int64).astype(np.float64)) for key in keys]
    bits = (np.array(scores).reshape(a.hash.shape) > 0).astype(np.int64)
    if a.projection_type == LshProjectionType.DENSE:
        return (bits.ravel(),)
    functions, length = bits.shape
    signatures = bits @ (1 << np.arange(length)[::-1])
    if a.projection_type == LshProjectionType.SPARSE:
        signatures += np.arange(functions) << length
    return (signatures.astype(np.int32),)


_HASHES = only(OperandType.TENSOR_FLOAT16, OperandType.TENSOR_FLOAT32)

LSH_PROJECTION = Declaration(
    OperationType.LSH_PROJECTION,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_INT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_1,
    },
    forms=(
        (
            tensor("hash", 2, accepts=_HASHES),
            tensor("input"),
            tensor("weight", 1, accepts=_HASHES, omittable=True),
            int32("projection_type", choices=LshProjectionType),
        ),
    ),
    outputs=(tensor("output", 1, accepts=only(OperandType.TENSOR_INT32)),),
    dimensions=_dimensions,
    reference=_lsh_projection,
    data_input=1,
    stored=True,
    check=_check,
    check_at_once=_check,
)
