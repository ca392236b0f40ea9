"""The cache as an object, where older files turn tuples of pairs into one and back."""
