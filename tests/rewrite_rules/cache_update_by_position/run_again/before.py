class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, run_offset=0, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(
                key_states, value_states, self.layer_idx + run_offset
            )
        return eager_attention_forward(self, query_states, key_states, value_states, attention_mask, scaling=1.0)


class TinyStack(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])
        self.norm = TinyRMSNorm(config.hidden_size)

    def forward(self, hidden_states, past_key_values=None, run_offset=0, **kwargs):
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values, run_offset=run_offset, **kwargs)
        return self.norm(hidden_states)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.slow = TinyStack(config)
        self.fast = TinyStack(config)

    def forward(self, input_ids, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        first_kept = self.config.runs - len(self.config.trained_runs)
        for run in range(self.config.runs):
            context = nullcontext() if run >= first_kept else torch.no_grad()
            with context:
                # The fast stack runs first.
                hidden_states = self.fast(
                    hidden_states, past_key_values=past_key_values, run_offset=2 * 2 * run, **kwargs
                )
            hidden_states = self.slow(
                hidden_states, past_key_values=past_key_values, run_offset=2 * (2 * run + 1), **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
