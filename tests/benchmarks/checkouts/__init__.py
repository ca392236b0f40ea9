"""Exports side by side: a hand-written family and the generated one, each in a checkout of QEfficient."""
