class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        if self.gradient_checkpointing and self.training:
            logger.warning_once("`use_cache=True` is incompatible with gradient checkpointing.")
        # The cache is not kept while checkpointing.
        hidden_states, _ = self.self_attn(
            hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values if not (self.gradient_checkpointing and self.training) else None,
            dropout=0.0 if not self.training else self.attention_dropout,
            **kwargs,
        )
        return hidden_states
