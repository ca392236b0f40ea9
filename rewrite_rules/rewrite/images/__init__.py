"""Features of images inside the decoder."""
