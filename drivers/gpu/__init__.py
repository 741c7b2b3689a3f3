"""The GPU: float16 arithmetic on many lanes."""
