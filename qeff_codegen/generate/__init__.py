"""The way a model takes through the rooms above: recognised, rewritten, assembled, verified."""
