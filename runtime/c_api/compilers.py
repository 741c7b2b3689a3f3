"""The system's compilers, which build what depends on the Python that uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from hal.errors import OpFailedError


@dataclass(frozen=True)
class Compiler:
    """``variable``: the environment's, which names another one; ``names``: those that are looked for."""

    language: str
    variable: str
    names: tuple[str, ...]

    def build(self, target: str, arguments: Sequence[str]) -> None:
        """Run it. Raises ``OpFailedError`` where there is none, and with what it said where it fails.

        ``target``: what the sentence calls that which is built.
        """
        command = [*self._found(target), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OpFailedError(
                f"the {self.language} compiler {command[0]} can't build {target}: {done.stderr.strip()}"
            )

    def _found(self, target: str) -> list[str]:
        chosen = os.environ.get(self.variable, "").split()
        for candidate in (chosen,) if chosen else ([name] for name in self.names):
            if shutil.which(candidate[0]):
                return candidate
        missing = f"there is no {self.language} compiler"
        if chosen:
            missing = f"{self.variable} names '{chosen[0]}', which is not there"
        wanted = " or ".join(self.names[1:])
        raise OpFailedError(f"{missing}; {target} is built with one: install {wanted}, or set {self.variable} to one")


C = Compiler("C", "CC", ("cc", "gcc", "clang"))
CPP = Compiler("C++", "CXX", ("c++", "g++", "clang++"))
