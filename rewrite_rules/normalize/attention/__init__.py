"""One attention implementation: eager."""
