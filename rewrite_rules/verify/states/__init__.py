"""Each state is read once, before it is written once."""
