class TinyIndexer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.index_topk = config.index_topk
        self.wq = nn.Linear(config.hidden_size, config.hidden_size)
        self.wk = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states, attention_mask, position_ids, past_key_values=None):
        q = self.wq(hidden_states)
        k = self.wk(hidden_states)
        if past_key_values is not None:
            k = past_key_values.update_indexer(k, self.layer_idx)
        index_scores = torch.matmul(q, k.transpose(-1, -2))
        topk = min(self.index_topk, index_scores.shape[-1])
        return index_scores.topk(topk, dim=-1).indices.to(torch.int32)



class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.indexer = TinyIndexer(config, layer_idx)

    def forward(
        self, hidden_states, position_embeddings, attention_mask=None, past_key_values=None, position_ids=None, **kwargs
    ):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)

        topk_indices = self.indexer(
            hidden_states, attention_mask[:, 0, :, :], position_ids, past_key_values=past_key_values
        )
        sparse_indices = None
        if self.config._attn_implementation in ("eager", "sdpa"):
            index_mask = (
                topk_indices.new_ones((batch_size, seq_length, key_states.shape[2]), dtype=torch.bool)
                .scatter(-1, topk_indices.long(), False)
                .unsqueeze(1)
            )
            if attention_mask.dtype == torch.bool:
                attention_mask = attention_mask & ~index_mask
            else:
                attention_mask = attention_mask.masked_fill(index_mask, torch.finfo(hidden_states.dtype).min)
        else:
            sparse_indices = topk_indices

        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attn_output, attn_weights = attention_interface(
            self, query_states, key_states, value_states, attention_mask, scaling=1.0, indices=sparse_indices, **kwargs
        )
        return attn_output, attn_weights
