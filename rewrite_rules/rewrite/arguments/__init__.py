"""Arguments handed down every call from the causal LM to the attention."""
