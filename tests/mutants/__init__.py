"""Generate from changed upstream files: the generator must refuse them or follow the change."""
