"""The CPU: the reference device."""
