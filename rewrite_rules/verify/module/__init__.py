"""The finished module as a whole."""
