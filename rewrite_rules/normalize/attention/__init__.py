"""Attention in one form: eager, its mask added in a statement of its own."""
