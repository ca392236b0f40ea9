"""Positions: given, never counted."""
