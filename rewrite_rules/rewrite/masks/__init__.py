"""Masks and biases from positions, boolean where they meet the scores."""
