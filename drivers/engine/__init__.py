"""From a model to machine code: lowering, memory planning, compiling, executing."""
