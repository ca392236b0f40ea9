"""Modeling code that is not in transformers: checkpoints' folders with files of their own."""
