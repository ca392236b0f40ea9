def make_bias(attention_mask, num_heads, dtype):
    batch_size, seq_length = attention_mask.shape
    slopes = torch.pow(0.5, torch.arange(num_heads))
    counted = ((attention_mask.cumsum(dim=-1) - 1) * attention_mask)[:, None, :]
    bias = slopes[..., None].bfloat16() * counted
    return bias.reshape(batch_size * num_heads, 1, seq_length).to(torch.float16)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        inputs_embeds = self.embed_tokens(input_ids)
        hidden_states = inputs_embeds
        batch_size, seq_length, _ = inputs_embeds.shape
        mask = torch.ones((batch_size, target_length), dtype=torch.long)
        bias = make_bias(mask, self.num_heads, dtype=inputs_embeds.dtype)
        causal_mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, bias=bias, attention_mask=causal_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
