"""The attributes that vendors' extensions have for compilations and executions."""

from __future__ import annotations

from runtime.c_api.boundary import implements
from runtime.c_api.c_data import C, content, text
from runtime.compilation import Compilation
from runtime.execution import Execution


@implements("ANeuralNetworksCompilation_addExtensionAttribute")
def _add_to_compilation(compilation: Compilation, name: C, code: int, data: C, length: int) -> None:
    compilation.add_extension_attribute(text(name), code, content(data, length, "data"))


@implements("ANeuralNetworksExecution_addExtensionAttribute")
def _add_to_execution(execution: Execution, name: C, code: int, data: C, length: int) -> None:
    execution.add_extension_attribute(text(name), code, content(data, length, "data"))
