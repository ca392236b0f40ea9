class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.max_position_embeddings = config.max_position_embeddings
        self.rotary_emb = TinyRotaryEmbedding(config.head_dim, max_position_embeddings=self.max_position_embeddings)

    def forward(self, hidden_states, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        bsz, q_len, _ = hidden_states.size()
        query_states = key_states = value_states = hidden_states.view(bsz, 1, q_len, -1)

        kv_seq_len = key_states.shape[-2]
        if past_key_values is not None:
            if self.layer_idx is None:
                raise ValueError("Please make sure to initialize the attention class with a layer index.")
            kv_seq_len += past_key_values.get_usable_length(kv_seq_len, self.layer_idx)
        cos, sin = self.rotary_emb(value_states, seq_len=kv_seq_len)
        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin, position_ids)

        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3))
        if attn_weights.size() != (bsz, 1, q_len, kv_seq_len):
            raise ValueError(f"Attention weights should be of size {(bsz, 1, q_len, kv_seq_len)}")
        attn_weights = attn_weights + attention_mask
        attn_output = torch.matmul(attn_weights.softmax(-1), value_states)
        return attn_output, attn_weights, past_key_values


class TinyRotaryEmbedding(nn.Module):
    def __init__(self, dim, max_position_embeddings=2048, base=10000):
        super().__init__()
        self.max_position_embeddings = max_position_embeddings
        inv_freq = 1.0 / (base ** (torch.arange(0, dim, 2).float() / dim))
        self.register_buffer("inv_freq", inv_freq, persistent=False)
        self._set_cos_sin_cache(seq_len=max_position_embeddings, dtype=torch.get_default_dtype())

    def _set_cos_sin_cache(self, seq_len, dtype):
        self.max_seq_len_cached = seq_len
        t = torch.arange(self.max_seq_len_cached)
        freqs = torch.outer(t, self.inv_freq)
        emb = torch.cat((freqs, freqs), dim=-1)
        self.register_buffer("cos_cached", emb.cos().to(dtype), persistent=False)
        self.register_buffer("sin_cached", emb.sin().to(dtype), persistent=False)

    def forward(self, x, seq_len=None):
        if seq_len > self.max_seq_len_cached:
            self._set_cos_sin_cache(seq_len=seq_len, dtype=x.dtype)
        return self.cos_cached[:seq_len].to(dtype=x.dtype), self.sin_cached[:seq_len].to(dtype=x.dtype)


def apply_rotary_pos_emb(q, k, cos, sin, position_ids, unsqueeze_dim=1):
    cos = cos.squeeze(1).squeeze(0)[position_ids].unsqueeze(unsqueeze_dim)
    sin = sin.squeeze(1).squeeze(0)[position_ids].unsqueeze(unsqueeze_dim)
    return q * cos + q * sin, k * cos + k * sin


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
