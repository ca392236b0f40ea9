"""Attention over blocks, and what the exporter needs of it."""
