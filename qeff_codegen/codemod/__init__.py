"""Editing one function's source: what stands there, by its syntax tree, and changes by the places of its nodes.

Nothing here knows what a model is. Text that no edit touches stays as it was, comments and layout included.
"""
