"""The contract between applications and drivers: types, models, operations, validation, memory, wire."""
