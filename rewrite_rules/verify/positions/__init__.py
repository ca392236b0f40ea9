"""Positions are handed down unchanged, and the rotation reaches all heads."""
