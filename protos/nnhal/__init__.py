"""The wire contract of nnhal."""
