"""Embeddings of positions and token types, looked up in plain sight."""
