class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        scores = torch.matmul(query, key.transpose(-1, -2))
        window = attention_mask[..., : key.shape[-2]]
        weights = nn.functional.softmax(scores + window, dim=-1)
        return torch.matmul(weights, value), weights


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None):
        hidden_states, _ = self.self_attn(hidden_states, attention_mask=attention_mask, past_key_values=past_key_values)
        return hidden_states


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        bias = self.bias
        causal_mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        if bias is not None and causal_mask is not None and causal_mask.ndim == 4:
            least = torch.finfo(hidden_states.dtype).min
            if causal_mask.dtype == torch.bool:
                causal_mask = torch.where(causal_mask, 0.0, least)
            bias = bias.unsqueeze(0)
            causal_mask = torch.masked_fill(bias / 2, causal_mask < -1, least)
        for layer in self.layers:
            hidden_states = layer(hidden_states, attention_mask=causal_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
