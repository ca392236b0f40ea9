"""A checkout of quic/efficient-transformers: where things stand in it, and the changes that bring a model into it."""
