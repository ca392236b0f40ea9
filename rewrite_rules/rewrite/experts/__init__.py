"""Experts as static arithmetic, without loops over data."""
