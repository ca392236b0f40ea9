"""What tensors hold along their axes: tokens are computed each for itself, keys by their positions."""
