"""The length of the context, that of a preallocated cache."""
