"""The cache is reached, returned, and not asked for its length."""
