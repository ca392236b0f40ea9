"""New tokens counted once, and given one position each."""
