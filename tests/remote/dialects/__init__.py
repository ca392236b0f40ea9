"""Checkpoint folders in the dialects of transformers 4.3x to 4.5x, one idiom each."""
