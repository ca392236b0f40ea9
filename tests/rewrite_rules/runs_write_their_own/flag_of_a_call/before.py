class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, run_offset=0, read_states=None, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if read_states is not None:
            if (past := read_states.get(self.layer_idx)) is not None:
                key_states = torch.cat([past[0], key_states], dim=-2)
                value_states = torch.cat([past[1], value_states], dim=-2)
        elif past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx + run_offset)
        return eager_attention_forward(self, query_states, key_states, value_states, attention_mask, scaling=1.0)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        last_run_writes = kwargs.pop("last_run_writes", False)
        read_states = None
        if past_key_values is not None and last_run_writes:
            # Only the last run writes.
            read_states = {i: (c.keys, c.values) for i, c in enumerate(past_key_values.layers) if c.is_initialized}
        elif past_key_values is not None and len(past_key_values.layers) == self.config.num_hidden_layers:
            past_key_values.layers += [copy.deepcopy(item) for item in past_key_values.layers * self.config.runs]
        hidden_states = self.embed_tokens(input_ids)
        for run in range(self.config.runs):
            for layer in self.layers[:2]:
                hidden_states = layer(
                    hidden_states,
                    attention_mask,
                    past_key_values,
                    run_offset=0 if last_run_writes else 2 * run,
                    read_states=read_states if run < self.config.runs - 1 else None,
                    **kwargs,
                )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
