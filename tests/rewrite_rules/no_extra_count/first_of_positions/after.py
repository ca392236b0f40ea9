class TinyModel:
    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        past_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1], device=inputs_embeds.device) + past_length
            position_ids = position_ids.unsqueeze(0).repeat(input_ids.shape[0], 1)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
