class TinyIndexer:
    def forward(self, hidden_states, attention_mask, position_ids, past_key_values=None):
        q = self.wq(hidden_states)
        k = self.wk(hidden_states)
        if past_key_values is not None:
            k = past_key_values.update_indexer(k, self.layer_idx)
        index_scores = torch.matmul(q, k.transpose(-1, -2))
        return index_scores, past_key_values


class TinyAttention:
    def forward(
        self,
        hidden_states,
        position_embeddings,
        attention_mask=None,
        past_key_values=None,
        position_ids=None,
        **kwargs,
    ):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)

        topk_indices, past_key_values = self.indexer(
            hidden_states, attention_mask[:, 0, :, :], position_ids, past_key_values=past_key_values
        )

        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attn_output, attn_weights = attention_interface(
            self, query_states, key_states, value_states, attention_mask, scaling=1.0, **kwargs
        )
        return attn_output, attn_weights, past_key_values
