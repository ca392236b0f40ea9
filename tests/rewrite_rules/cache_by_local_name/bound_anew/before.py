class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False):
        attention_cache = past_key_values if use_cache else None
        attention_cache = self.crop(attention_cache)
        hidden_states, _ = self.self_attn(hidden_states, attention_mask, past_key_values=attention_cache)
        return hidden_states
