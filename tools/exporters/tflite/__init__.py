"""TFLite files of models: the same operations, weights and scales, so that LiteRT can execute them.

``operators`` says for each NNAPI operation how TFLite expresses it, ``graph`` is what it says it with.
"""

from __future__ import annotations

from hal.errors import BadDataError
from hal.inference import with_inferred_dimensions
from hal.model import Model, is_extension, is_fully_specified, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.control_flow import CONTROL_FLOW
from hal.operations.declaration import UnknownValueError
from hal.types import OperationType
from hal.validation import operation_name
from tools.exporters.tflite.graph import Conversion, Exporter, InexpressibleError
from tools.exporters.tflite.operators import MAPPING


def export(model: Model) -> bytes:
    """The content of a .tflite file for a valid ``model``, whose tensors have the same names, scales and values.

    Raises ``BadDataError`` naming an operation that TFLite can't express or that has no mapping here, and for
    dimensions that only an execution decides; ``OpFailedError`` where LiteRT's schema is not installed.
    """
    main = with_inferred_dimensions(model.main)
    for index, operand in enumerate(main.operands):
        if is_tensor(operand) and operand.value is None and not is_fully_specified(operand.dimensions):
            raise BadDataError(f"operand {index} has dimensions that only an execution decides", operand=index)
    exporter = Exporter(main)
    for number, operation in enumerate(main.operations):
        what = f"operation {number} ({operation_name(operation.type)})"
        known = not is_extension(operation.type) and operation.type not in CONTROL_FLOW
        convert = MAPPING.get(OperationType(operation.type)) if known else None
        if convert is None:
            raise BadDataError(f"{what} has no mapping to TFLite", operation=number)
        try:
            arguments = DECLARATIONS[OperationType(operation.type)].bind(
                [main.operands[index] for index in operation.inputs], concrete=True
            )
            convert(Conversion(exporter, operation, arguments))
        except InexpressibleError as error:
            raise BadDataError(f"{what} has {error}, which TFLite can't express", operation=number) from error
        except UnknownValueError as error:
            raise BadDataError(
                f"{what} has its {error} as an input; TFLite needs a constant", operation=number
            ) from error
    return exporter.content()
