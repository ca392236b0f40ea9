class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.in_proj = nn.Linear(4, 4)

    def other_forward(self, hidden_states, past_key_values=None, attention_mask=None):
        return -self.in_proj(hidden_states)

    def slow_forward(self, hidden_states, past_key_values=None, attention_mask=None):
        projected = self.in_proj(hidden_states)
        past_key_values.update_recurrent_state(projected, self.layer_idx)
        return projected

    def forward(self, hidden_states, past_key_values=None, attention_mask=None):
        if self.config.other:
            return self.other_forward(hidden_states, past_key_values, attention_mask)
        return self.slow_forward(hidden_states, past_key_values, attention_mask)
