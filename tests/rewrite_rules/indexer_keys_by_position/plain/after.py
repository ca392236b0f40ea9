class TinyIndexer:
    def forward(self, hidden_states, attention_mask, position_ids, past_key_values=None):
        q = self.wq(hidden_states)
        k = self.wk(hidden_states)
        if past_key_values is not None:
            cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, "CCL": attention_mask.shape[-1]}
            k = past_key_values.update_indexer(k, self.layer_idx, cache_kwargs)
        index_scores = torch.matmul(q, k.transpose(-1, -2))
        if attention_mask.dtype == torch.bool:
            index_scores = index_scores.masked_fill(~attention_mask, float("-inf"))
        else:
            index_scores = index_scores + attention_mask
        topk = min(self.index_topk, index_scores.shape[-1])
        return index_scores.topk(topk, dim=-1).indices.to(torch.int32)
