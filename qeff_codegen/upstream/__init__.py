"""Where upstream's source text comes from. Nothing here imports or runs upstream's code."""
