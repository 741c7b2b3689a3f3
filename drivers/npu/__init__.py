"""The NPU device: a systolic array for int8, fed by DMA through double-buffered scratchpads."""
