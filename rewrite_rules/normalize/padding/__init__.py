"""Masks of the tokens that are no pads: the graph is told by positions."""
