"""Which transformers release has which family, and how many of them the rules read without a change."""
