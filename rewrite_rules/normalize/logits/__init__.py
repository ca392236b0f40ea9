"""Which rows of hidden states reach the head."""
