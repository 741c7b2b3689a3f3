"""What PyTorch's wheels lack to reach NNAPI by every way that PyTorch has."""

from tools.pytorch.backend import load_backend

__all__ = ["load_backend"]
