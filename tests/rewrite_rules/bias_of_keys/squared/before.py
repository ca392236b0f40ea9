class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, bias=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        scores = torch.matmul(query, key.transpose(-1, -2))
        seq_length = hidden_states.shape[1]
        query_length = seq_length if past_key_values is None else seq_length + past_key_values.get_seq_length()
        key_length = key.shape[-2]
        first_query = max(0, bias.size(1) - query_length)
        first_key = max(0, bias.size(2) - key_length)
        bias = bias[:, first_query:, first_key:]
        scores = scores + bias
        scores = scores + attention_mask
        return torch.matmul(nn.functional.softmax(scores, dim=-1), value), scores


def linear_bias(num_heads, length, device=None):
    slopes = torch.arange(num_heads, device=device).view(num_heads, 1, 1)
    bias = torch.arange(1 - length, 1, device=device).view(1, 1, length)
    bias = bias * bias.abs()
    return bias


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        bias = linear_bias(4, self.config.max_seq_len, device=hidden_states.device)
        causal_mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, bias=bias, attention_mask=causal_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
