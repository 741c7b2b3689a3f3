"""Generate the Python stubs from the ``.proto`` files: ``python protos/generate.py [DIRECTORY]``.

The stubs are kept in the repository, so that using nnhal needs no compiler; a test proves them current.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent


def generate(directory: Path) -> None:
    """Write the stubs of every ``.proto`` file below ``protos`` into ``directory``."""
    sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("protos/**/*.proto"))
    well_known = str(files("grpc_tools") / "_proto")
    arguments = [
        "protoc",
        f"--proto_path={ROOT}",
        f"--proto_path={well_known}",
        f"--python_out={directory}",
        f"--pyi_out={directory}",
        *sources,
    ]
    services = [source for source in sources if "\nservice " in (ROOT / source).read_text()]
    for command in (arguments, [*arguments[:3], f"--grpc_python_out={directory}", *services]):
        if protoc.main(command) != 0:
            raise SystemExit("protoc failed; its reason stands above")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
