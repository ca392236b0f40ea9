"""Generated layers that keep states, run in PyTorch beside upstream."""
