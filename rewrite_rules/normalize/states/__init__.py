"""Layers that keep a state: it is always kept, and pads are told by positions."""
