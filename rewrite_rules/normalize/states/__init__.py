"""Layers that keep a state: it is always kept, and one text serves one token and many."""
