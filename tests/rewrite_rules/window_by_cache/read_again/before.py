class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.depthwise = nn.Conv1d(4, 4, kernel_size=2, groups=4, padding=0, stride=1)
        self.mixing = nn.Conv1d(4, 4, kernel_size=self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        # What was kept
        kept = past_key_values.get_conv_state(self.layer_idx, state_idx=0)
        columns = self.in_proj(hidden_states).transpose(1, 2)
        if kept is not None:
            columns = torch.cat([kept, columns], dim=-1)
        else:
            columns = F.pad(columns, (self.conv_kernel_size, 0))

        new = columns[..., -self.conv_kernel_size :]
        new = F.pad(new, (self.conv_kernel_size - new.shape[-1], 0))
        past_key_values.update_conv_state(new, self.layer_idx)

        columns = self.depthwise(columns)
        columns = self.mixing(columns).transpose(1, 2)
        return columns + kept.mean()
