"""The kernels, one module for each operation family, each with the lowering that uses them.

Importing this package imports them all, which registers every lowering; it compiles nothing.
"""

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
