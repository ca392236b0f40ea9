"""States by row and position, on functions that take a call of any length."""
