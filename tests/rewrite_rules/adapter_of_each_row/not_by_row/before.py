class TinyAdapter(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.down_proj = nn.Linear(config.hidden_size, 8)
        self.up_proj = nn.Linear(8, config.hidden_size)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states):
        hidden_states = self.act_fn(self.down_proj(hidden_states))
        return self.up_proj(hidden_states - hidden_states.mean(dim=0))


class TinyAdapters(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.adapters = nn.ModuleDict({})
        for language in config.languages:
            self.adapters[language] = TinyAdapter(config)

    def forward(self, hidden_states, language_ids):
        adapted = torch.zeros_like(hidden_states)
        for number, language in enumerate(self.adapters.keys()):
            own = language_ids == number
            own_states = hidden_states[own]
            own_adapted = self.adapters[language](own_states)
            adapted[own] = own_adapted
        return hidden_states + adapted


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = TinyAttention(config, layer_idx)
        self.adapters = TinyAdapters(config)

    def forward(self, hidden_states, language_ids, attention_mask=None, past_key_values=None, **kwargs):
        attn_output, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return self.adapters(hidden_states + attn_output, language_ids)
