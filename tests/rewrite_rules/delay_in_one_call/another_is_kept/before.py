class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.in_proj = nn.Linear(4, 4)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        before = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        values = self.in_proj(hidden_states)
        # One token late
        if before is not None:
            before = before.unsqueeze(1)
        else:
            before = self.in_proj(hidden_states.new_zeros(hidden_states.shape[0], 1, 4))
        late = torch.cat([before, values[:, :-1]], dim=1)

        past_key_values.update_recurrent_state(late[:, -1, :], self.layer_idx)
        return late
