"""The KV cache by one name, made in one place."""
