class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return hidden_states


class TinyModel:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        inputs_embeds = self.embed_tokens(input_ids)
        batch_size, seq_length = inputs_embeds.size()[:-1]
        past_key_values_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        position_ids = torch.arange(seq_length, device=inputs_embeds.device) + past_key_values_length
        positions = self.embed_positions(input_ids, past_key_values_length, position_ids=position_ids)
        hidden_states = inputs_embeds + positions
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
