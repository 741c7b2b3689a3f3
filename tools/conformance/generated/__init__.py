"""Cases that nnhal generates itself, from seeds, and judges by its reference results."""
