"""What upstream records on the way, which the graph has no use for."""
