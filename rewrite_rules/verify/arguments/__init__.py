"""Arguments reach the attention."""
