"""Follows the axes of every tensor through a finished module: which are rows, tokens, keys.

Nothing runs. Functions are interpreted over values that say what is known of a tensor: what each of its axes counts.
"""
