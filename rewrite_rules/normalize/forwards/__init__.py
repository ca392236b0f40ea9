"""What a module computes stands in its forward."""
