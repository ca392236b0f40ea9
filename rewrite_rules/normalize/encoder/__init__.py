"""What attends to an encoder, in a decoder that has none."""
