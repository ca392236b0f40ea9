class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, past_key_values=None, cache_position=None, **kwargs):
        inputs_embeds = self.embed_tokens(input_ids)
        batch_size, seq_length = inputs_embeds.size()[:-1]
        past_key_values_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        if cache_position is None:
            cache_position = torch.arange(
                past_key_values_length, past_key_values_length + seq_length, device=inputs_embeds.device
            )
        positions = self.embed_positions(input_ids, past_key_values_length, position_ids=cache_position)
        hidden_states = inputs_embeds + positions
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(
                hidden_states, past_key_values=past_key_values, cache_position=cache_position, **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, cache_position=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return hidden_states
