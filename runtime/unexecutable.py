"""What takes the place of a device for models that can be compiled although no execution of them can succeed."""

from __future__ import annotations

from hal.device import (
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
)
from hal.errors import NnapiError, OpFailedError
from hal.model import Model
from hal.types import DeviceType, FeatureLevel, PreferenceCode
from runtime.plan import Answer, Plan, Step

_FREE = Cost(0.0, 0.0)
_INFO = DeviceInfo("none", "1", DeviceType.OTHER, FeatureLevel.LEVEL_8)


def failing_plan(model: Model, fault: NnapiError) -> Plan:
    """A plan of one step that fails each time, since ``fault`` is wrong with ``model``."""
    main = model.main
    everything = tuple(range(len(main.operations)))
    step = Step(_Unexecutable(fault), _INFO.name, everything, main.inputs, main.outputs, _FREE, model)
    answer = Answer(_INFO.name, (Support("", _FREE),) * len(everything))
    return Plan(model, (answer,), (_INFO.name,) * len(everything), (step,), (), _FREE)


class _Unexecutable(Device):
    def __init__(self, fault: NnapiError) -> None:
        self._fault = fault

    @property
    def info(self) -> DeviceInfo:
        return _INFO

    def capabilities(self) -> Capabilities:
        same = Performance(1.0, 1.0)
        return Capabilities({}, same, same, same, same)

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        return [Support("", _FREE)] * len(model.main.operations)

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        return _Failing(self._fault)


class _Failing(PreparedModel):
    def __init__(self, fault: NnapiError) -> None:
        self._fault = fault

    def execute(self, request: Request) -> ExecutionResult:
        raise OpFailedError(f"the model can't be executed: {self._fault}")

    def close(self) -> None:
        """Nothing is held."""
