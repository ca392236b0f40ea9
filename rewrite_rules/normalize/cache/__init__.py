"""The KV cache made in one place, and told nothing but keys, values and the layer."""
