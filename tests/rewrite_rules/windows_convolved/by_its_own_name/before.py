class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.L_cache = config.L_cache
        self.bias = config.conv_bias
        self.conv = nn.Conv1d(
            in_channels=config.hidden_size,
            out_channels=config.hidden_size,
            kernel_size=self.L_cache,
            groups=config.hidden_size,
            bias=self.bias,
            padding=self.L_cache - 1,
        )

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        seqlen = hidden_states.shape[1]
        Bx = hidden_states.transpose(-1, -2)
        if past_key_values.has_previous_state(self.layer_idx):
            conv_state = past_key_values.update_conv_state(Bx, self.layer_idx)
            conv_out = torch.sum(conv_state.to(Bx.device) * self.conv.weight[:, 0, :], dim=-1)
            if self.bias:
                conv_out += self.conv.bias

            conv_out = conv_out.unsqueeze(-1)
        else:
            conv_state = nn.functional.pad(Bx, (self.L_cache - Bx.shape[-1], 0))
            conv_state = past_key_values.update_conv_state(conv_state, self.layer_idx)

            conv_out = self.conv(Bx)[..., :seqlen]
        return conv_out.transpose(-1, -2)
