"""Variations of modeling files that public ones really have: each is refused at its line, or followed and equal."""
