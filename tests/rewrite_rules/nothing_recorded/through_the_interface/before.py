class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.config = config
        self.layer_idx = layer_idx

    def forward(
        self, hidden_states, attention_mask=None, past_key_values=None, output_attentions=False, **kwargs
    ):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        key, value = past_key_values.update(key, value, self.layer_idx)

        attention_interface: Callable = eager_attention_forward

        attn_output, attn_weights = attention_interface(
            self, query, key, value, attention_mask, scaling=1.0, output_attentions=output_attentions, **kwargs
        )
        return attn_output, attn_weights
