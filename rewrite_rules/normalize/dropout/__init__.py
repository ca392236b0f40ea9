"""Dropout, which does nothing at inference."""
