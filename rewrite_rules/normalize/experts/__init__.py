"""Loops over experts, in one form."""
