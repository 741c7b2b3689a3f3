"""Operations that are left to their references, and why: all others have kernels for all their types of data."""

from __future__ import annotations

from drivers.engine.lowering import ON_REFERENCE
from hal.types import OperationType

_BY_VALUES = "how many boxes it gives follows from their scores, and memory is planned before those are there"
_REFUSED = "impossible boxes must be refused, and no kernel can; they are few"
_CONTROL_FLOW = "the host chooses the model that is executed next, whose operations have kernels"

ON_REFERENCE |= {
    OperationType.AXIS_ALIGNED_BBOX_TRANSFORM: _REFUSED,
    OperationType.BATCH_MATMUL: "only over TENSOR_INT32, which networks compute indexes in, not products",
    OperationType.BOX_WITH_NMS_LIMIT: _BY_VALUES,
    OperationType.DENSIFY: "sparse weights, made dense once",
    OperationType.DETECTION_POSTPROCESSING: "boxes are sorted and compared one by one, until enough are found",
    OperationType.GENERATE_PROPOSALS: _BY_VALUES,
    OperationType.HASHTABLE_LOOKUP: "keys out of order must be refused, and no kernel can; the keys found are few",
    OperationType.HEATMAP_MAX_KEYPOINT: _REFUSED,
    OperationType.IF: _CONTROL_FLOW,
    OperationType.LSH_PROJECTION: "a hash of a few bytes",
    OperationType.RANDOM_MULTINOMIAL: "its samples are those of NumPy's random generator",
    OperationType.RANK: "the answer is in the dimensions",
    OperationType.ROI_ALIGN: _REFUSED,
    OperationType.ROI_POOLING: _REFUSED,
    OperationType.TOPK_V2: "NumPy's sort is compiled already",
    OperationType.WHILE: _CONTROL_FLOW,
}
