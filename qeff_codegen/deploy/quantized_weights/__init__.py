"""Checkpoints whose weights are stored quantized, read as floats on the CPU: a file for each format."""
