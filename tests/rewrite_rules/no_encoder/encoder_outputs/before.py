class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(
        self,
        hidden_states,
        past_key_values: EncoderDecoderCache | None = None,
        encoder_outputs=None,
        encoder_attention_mask=None,
        **kwargs,
    ):
        if isinstance(encoder_outputs, (BaseModelOutput, tuple)):
            encoder_outputs = encoder_outputs[0]
        hidden_states, _ = self.self_attn(
            hidden_states,
            past_key_values=past_key_values,
            encoder_hidden_states=encoder_outputs,
            encoder_attention_mask=None,
            **kwargs,
        )
        return hidden_states
