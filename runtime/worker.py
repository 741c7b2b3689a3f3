"""A model on one device, prepared, and prepared again after its driver has died."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from hal.device import Cache, Cost, Device, ExecutionResult, PreparedModel, PrepareOptions, Progress, Request
from hal.errors import DeadObjectError, NnapiError, OpFailedError, OutputInsufficientSizeError
from hal.fence import Fence, FenceState
from hal.model import Dimensions, Model
from hal.operand_rules import described
from hal.types import OperandType
from runtime.bursts import Bursts
from runtime.caching import Caching
from runtime.kept_burst import KeptBurst
from runtime.remote import RemoteDevice

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
"""Seconds after a driver has died before a model is prepared on it again; twice as many each further time."""

_LONGEST_PAUSE = 60.0


class Worker:
    """``model`` on ``device``, prepared when it is first needed or by ``prepare``.

    ``revives``: whether it is prepared again after its driver has died. Until then, and for good without, it
    raises ``DeadObjectError``. What the device answers is checked before anybody relies on it.
    """

    def __init__(
        self,
        device: Device,
        model: Model,
        options: PrepareOptions,
        patience: float,
        caching: Caching | None,
        *,
        revives: bool,
    ) -> None:
        self.device = device
        self.model = model
        self._outputs = [model.main.operands[index] for index in model.main.outputs]
        self._options = options
        self._patience = patience
        self._caching = caching
        self._revives = revives
        self._prepared: PreparedModel | None = None
        self._kept = KeptBurst() if isinstance(device, RemoteDevice) and device.keeps_bursts else None
        self._lock = threading.Lock()
        self._closed = False
        self._pause = _FIRST_PAUSE
        self._death: NnapiError | None = None
        self._again_at = 0.0

    @property
    def name(self) -> str:
        """The device's."""
        return self.device.info.name

    @property
    def prepared(self) -> PreparedModel | None:
        """The model on the device, as it is prepared now, if it is."""
        return self._prepared

    @property
    def cost(self) -> Cost | None:
        """What the device expects an execution to take; None where it does not know."""
        return None if self._prepared is None else self._prepared.cost

    @property
    def dies_when_given_up(self) -> bool:
        """Whether a driver that was given up is certain to write no more."""
        return isinstance(self.device, RemoteDevice) and self.device.embedded

    def prepare(self, progress: Progress, timeout: float | None = None) -> None:
        """Prepare the model now, within ``timeout`` seconds. Raises what the device raises."""
        options = self._options if timeout is None else replace(self._options, timeout=timeout)
        with self._lock:
            self._prepare(options, progress)

    def execute(self, request: Request, bursts: Bursts | None = None) -> ExecutionResult:
        """Execute, in one of ``bursts`` if there are any.

        Raises ``OpFailedError`` where the answer is nonsense, and what the device raises.
        """
        executor = self._kept if bursts is None else bursts
        if executor is None:
            return self._executed(request, lambda prepared: prepared.execute(request))
        return self._executed(request, lambda prepared: executor.execute(prepared, request))

    def execute_fenced(
        self, request: Request, wait_for: Sequence[Fence], fence: Fence, duration: float | None
    ) -> ExecutionResult:
        """The same with fences; see ``PreparedModel``."""
        try:
            return self._executed(request, lambda prepared: prepared.execute_fenced(request, wait_for, fence, duration))
        except BaseException:
            fence.signal(FenceState.FAILED)
            raise

    def _executed(self, request: Request, execute: Callable[[PreparedModel], ExecutionResult]) -> ExecutionResult:
        prepared = self._prepared or self._revived()
        try:
            result = execute(prepared)
        except DeadObjectError as error:
            self._bury(prepared, error)
            raise
        except OutputInsufficientSizeError as error:
            self._check_count(error.dimensions)
            raise
        self._pause = _FIRST_PAUSE
        self._check(request, result.output_dimensions)
        return result

    def revive(self) -> None:
        """Have the next execution prepare again at once, if the driver has died."""
        self._again_at = 0.0

    def close(self) -> None:
        """Give back what the device holds."""
        with self._lock:
            prepared, self._prepared = self._prepared, None
            self._closed = True
        if self._kept is not None:
            self._kept.close()
        if prepared is not None:
            prepared.close()

    def needed(self, dimensions: Sequence[Dimensions]) -> list[int] | None:
        """Bytes that each output needs if it gets these dimensions; None where the model's outputs can't get them."""
        sizes = []
        for operand, given in zip(self._outputs, dimensions):
            if not isinstance(operand.type, OperandType) or not _agree(operand.dimensions, given):
                return None
            sizes.append(math.prod(given) * operand.type.dtype.itemsize)
        return sizes

    def _prepare(self, options: PrepareOptions, progress: Progress) -> PreparedModel:
        device = self.device
        patience = (self._patience,) if isinstance(device, RemoteDevice) else ()

        def anew(cache: Cache | None) -> PreparedModel:
            return device.prepare_model(self.model, replace(options, cache=cache), progress, *patience)

        def again(cache: Cache) -> PreparedModel:
            return device.prepare_from_cache(cache, options, progress, *patience)

        if self._caching is None:
            prepared = anew(None)
        else:
            prepared = self._caching.prepare(device.info, self.model, options, anew, again)
        self._prepared, self._death = prepared, None
        return prepared

    def _revived(self) -> PreparedModel:
        with self._lock:
            if self._prepared is not None:
                return self._prepared
            if self._closed:
                raise DeadObjectError(f"what was prepared on '{self.name}' is closed")
            if self._death is not None and time.monotonic() < self._again_at:
                raise DeadObjectError(f"{self._death}; it is not tried again yet")
            try:
                return self._prepare(self._options, _ignore_progress)
            except NnapiError as error:
                self._rest(error)
                raise

    def _bury(self, prepared: PreparedModel, error: NnapiError) -> None:
        with self._lock:
            if self._revives and self._prepared is prepared:
                self._prepared = None
                self._rest(error)

    def _rest(self, error: NnapiError) -> None:
        self._death = error
        self._again_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _check(self, request: Request, dimensions: Sequence[Dimensions]) -> None:
        """Refuse what the device says of its outputs where that can't be."""
        self._check_count(dimensions)
        for index, (operand, argument, given) in enumerate(zip(self._outputs, request.outputs, dimensions)):
            if argument.data is None or not isinstance(operand.type, OperandType):
                continue
            size = math.prod(given) * operand.type.dtype.itemsize
            agree = _agree(operand.dimensions, given) and _agree(argument.dimensions, given)
            if not agree or operand.type.is_tensor != bool(given) or not 0 <= size <= argument.data.size:
                raise OpFailedError(
                    f"the device '{self.name}' returned {list(given)} as dimensions of output {index}, which is "
                    f"{described(operand.type, operand.dimensions)} in {argument.data.size} bytes"
                )

    def _check_count(self, dimensions: Sequence[Dimensions]) -> None:
        if len(dimensions) != len(self._outputs):
            raise OpFailedError(
                f"the device '{self.name}' returned dimensions of {len(dimensions)} outputs; "
                f"the model has {len(self._outputs)}"
            )


def value_bytes(operand_type: OperandType | int, dimensions: Dimensions, data: int) -> int:
    """Bytes of a value that fills ``data`` bytes or only their beginning."""
    if not isinstance(operand_type, OperandType):
        return data
    return math.prod(dimensions) * operand_type.dtype.itemsize


def _agree(known: Dimensions, actual: Dimensions) -> bool:
    """Whether ``actual``, where a 0 is no elements, may be what ``known``, where it is unknown, has become."""
    return not known or (len(known) == len(actual) and all(a in (b, 0) for a, b in zip(known, actual)))


def _ignore_progress(activity: str, done: int, total: int) -> None:
    """Nobody waits for this preparation in particular."""
