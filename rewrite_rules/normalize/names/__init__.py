"""One name for the KV cache, whatever a release calls it: what all other rules rely on."""
