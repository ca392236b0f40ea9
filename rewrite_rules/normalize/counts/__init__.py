"""New tokens counted once: the extra count of older releases."""
