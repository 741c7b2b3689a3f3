"""A device of this process, and models for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from hal.device import (
    Argument,
    Bytes,
    Capabilities,
    Cost,
    Device,
    DeviceInfo,
    ExecutionResult,
    Performance,
    PreparedModel,
    PrepareOptions,
    Progress,
    Request,
    Support,
    Timing,
    Transfer,
)
from hal.errors import OutputInsufficientSizeError
from hal.memory import Region, runtime_directory
from hal.model import Model as HalModel
from hal.reference import run
from hal.types import DeviceType, FeatureLevel, OperandType, OperationType, PreferenceCode
from hal.validation import validate_model, validate_request
from runtime import discovery, worker
from runtime.model import Model
from tests import descriptions


class ReferenceDevice(Device):
    """Computes the reference results, on bytes that it finds in shared memory by name, as a driver does.

    Tests put their own behaviour into the hooks: ``supports``, ``on_query``, ``on_prepare``,
    ``on_execute`` (called before computing) and ``on_result`` (may answer something else). ``cost``: of
    each operation; ``type``, ``transfer`` and ``launch``: what it says of itself.
    """

    def __init__(self, name: str = "reference") -> None:
        self.name = name
        self.supports: Callable[[HalModel], list[bool]] = lambda model: [True] * len(model.main.operations)
        self.on_query: Callable[[], None] = lambda: None
        self.on_prepare: Callable[[], None] = lambda: None
        self.on_execute: Callable[[], None] = lambda: None
        self.on_result: Callable[[ExecutionResult], ExecutionResult] = lambda result: result
        self.type = DeviceType.CPU
        self.cost: Cost | None = None
        self.transfer: Transfer | None = None
        self.launch: Cost | None = Cost(0, 0)
        self.models: list[HalModel] = []
        self.options: list[PrepareOptions] = []
        self.requests: list[Request] = []
        self.closed = 0

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(self.name, "1", self.type, FeatureLevel.LEVEL_8)

    def takes(self, *types: OperationType) -> None:
        """Refuse all other operations."""
        self.supports = lambda model: [operation.type in types for operation in model.main.operations]

    def refuses(self, *types: OperationType) -> None:
        """Refuse these operations."""
        self.supports = lambda model: [operation.type not in types for operation in model.main.operations]

    def capabilities(self) -> Capabilities:
        same = Performance(1, 1)
        return Capabilities({}, same, same, same, same, self.transfer, self.launch)

    def supported_operations(
        self, model: HalModel, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        self.on_query()
        return [Support("", self.cost) if taken else Support("it takes others") for taken in self.supports(model)]

    def prepare_model(self, model: HalModel, options: PrepareOptions, progress: Progress) -> PreparedModel:
        self.on_prepare()
        validate_model(model)
        self.models.append(model)
        self.options.append(options)
        progress("preparing", 1, 1)
        return _PreparedReference(self, model)


class _PreparedReference(PreparedModel):
    def __init__(self, device: ReferenceDevice, model: HalModel) -> None:
        self.device = device
        self._model = model

    def execute(self, request: Request) -> ExecutionResult:
        self.device.requests.append(request)
        validate_request(self._model, request)
        self.device.on_execute()
        main = self._model.main
        inputs: list[np.ndarray | None] = []
        for argument, index in zip(request.inputs, main.inputs):
            operand = main.operands[index]
            if argument.data is None:
                inputs.append(None)
                continue
            assert isinstance(operand.type, OperandType)
            shape = argument.dimensions or operand.dimensions
            inputs.append(np.array(shared(argument)).view(operand.type.dtype).reshape(shape))
        outputs = run(self._model, inputs)
        dimensions = tuple(output.shape for output in outputs)
        for argument, output in zip(request.outputs, outputs):
            if argument.data is not None and argument.data.size < output.nbytes:
                raise OutputInsufficientSizeError("an output does not fit", dimensions=dimensions)
        for argument, output in zip(request.outputs, outputs):
            if argument.data is not None:
                shared(argument)[: output.nbytes] = np.ascontiguousarray(output).reshape(-1).view(np.uint8)
        timing = Timing(on_hardware=1000, in_driver=2000) if request.measure else Timing()
        return self.device.on_result(ExecutionResult(dimensions, timing))

    def close(self) -> None:
        self.device.closed += 1


def shared(argument: Argument) -> Bytes:
    """The argument's bytes, as who knows only their location finds them."""
    assert argument.location is not None, "the runtime left an argument out of shared memory"
    region = Region.open(runtime_directory(), argument.location.region)
    return region.slice(argument.location.offset, argument.location.length)


@pytest.fixture
def device() -> ReferenceDevice:
    return ReferenceDevice()


@pytest.fixture
def new_device() -> Callable[[str], ReferenceDevice]:
    return ReferenceDevice


AddModel = Callable[..., Model]


@pytest.fixture
def add_model() -> AddModel:
    """Builds ``input 0 + input 1``, finished; ``dimensions`` are those of the inputs and the output."""

    def build(dimensions: Sequence[int] = (2, 3), finish: bool = True) -> Model:
        model = Model()
        first, second = (model.add_operand(OperandType.TENSOR_FLOAT32, dimensions) for _ in range(2))
        activation = model.add_operand(OperandType.INT32)
        model.set_operand_value(activation, 0)
        total = model.add_operand(OperandType.TENSOR_FLOAT32, dimensions)
        model.add_operation(OperationType.ADD, [first, second, activation], [total])
        model.identify_inputs_and_outputs([first, second], [total])
        if finish:
            model.finish()
        return model

    return build


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a CPU that is much faster than the other one."""
    path = tmp_path_factory.mktemp("devices") / "chip.toml"
    path.write_text(descriptions.cpu({"start_cycles": 0}, ((2e9, 0.7), (50e9, 0.9))))
    return path


@pytest.fixture
def _chip(description: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There is a device "chip" beside the CPU."""
    monkeypatch.setenv("NNHAL_DEVICES", f"cpu,chip={description}")
    monkeypatch.setattr(worker, "_FIRST_PAUSE", 0.2)
    yield
    driver = discovery.device("chip")._driver
    driver.give_up(driver._address)  # another test gets one without faults
