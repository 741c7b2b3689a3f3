"""How the work of each operation is counted: the modules of this package, one for each subject."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from hal.counts.count import REGISTERED, Counting
from hal.types import OperationType

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

COUNTS: Mapping[OperationType, Counting] = REGISTERED
"""The count of each operation, by type."""
