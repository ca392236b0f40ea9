"""Environments that run another transformers release beside the one that is installed."""
