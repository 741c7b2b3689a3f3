"""What this processor's vectors are like, for those who lay out weights and choose micro-kernels."""

from __future__ import annotations

from functools import lru_cache

import llvmlite.binding as llvm


@lru_cache(1)
def features() -> frozenset[str]:
    """LLVM's names of what the processor can do, of x86 processors "avx2" or "avx512vnni" for instance."""
    return frozenset(name for name, present in llvm.get_host_cpu_features().items() if present)


def lanes() -> int:
    """How many float32 a vector register holds."""
    return 16 if "avx512f" in features() else 8 if "avx2" in features() else 4


def registers() -> int:
    """How many vector registers there are."""
    return 32 if "avx512f" in features() or "neon" in features() else 16


def target_features() -> str:
    """What code is compiled for: all that the processor has, vectors of full width included.

    By its own choice LLVM keeps to half of AVX-512's width, for the sake of code that uses it rarely.
    """
    present = llvm.get_host_cpu_features().flatten()
    return f"{present},-prefer-256-bit" if "avx512f" in features() else present
