"""Every operation that nnhal knows, by type: the declarations in the modules of this package."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from hal.operations.declaration import Declaration

_MODULES = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]

DECLARATIONS: Mapping[int, Declaration] = {
    value.type: value for module in _MODULES for value in vars(module).values() if isinstance(value, Declaration)
}
