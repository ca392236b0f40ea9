class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, prompt=None, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        if prompt is not None:
            key_states = torch.cat([prompt[0], key_states], dim=2)
            value_states = torch.cat([prompt[1], value_states], dim=2)
        return eager_attention_forward(self, query_states, key_states, value_states, attention_mask, scaling=1.0)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, layer_prompt=None, **kwargs):
        attn_output, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, prompt=layer_prompt, **kwargs
        )
        return hidden_states + attn_output


class TinyModel(PreTrainedModel):
    def __init__(self, config, use_prompt=False):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])
        self.use_prompt = use_prompt
        if use_prompt:
            self.prompts = nn.Parameter(torch.zeros(2, 2, 1, 1, 8, config.hidden_size))

    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        if self.use_prompt:
            prompts = self.prompts.detach()
        for layer_number, layer in enumerate(self.layers):
            hidden_states = layer(
                hidden_states,
                attention_mask,
                past_key_values,
                layer_prompt=prompts[layer_number] if self.use_prompt else None,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
