"""Tiny models of a family with random weights, made from what its own configuration class has."""
