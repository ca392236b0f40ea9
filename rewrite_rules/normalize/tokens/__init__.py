"""One token and many, computed by one text."""
