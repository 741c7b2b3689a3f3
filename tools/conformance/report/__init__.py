"""A conformance report in the forms that programs and people read."""
