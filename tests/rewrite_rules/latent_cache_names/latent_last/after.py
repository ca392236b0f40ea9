class TinyAttention:
    def kv_cache_names(self) -> tuple[str, str]:
        """Names in the graph of what the cache keeps in the place of keys and values."""
        return "k_pe", "compressed_kv"
