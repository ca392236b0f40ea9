class TinyModel:
    def forward(
        self,
        input_ids,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        use_cache=None,
        output_attentions=None,
    ):
        batch_size, seq_length = input_ids.shape

        next_cache = self.crop(past_key_values)
        hidden_states = self.embed_tokens(input_ids)
        for decoder_layer in self.layers:
            layer_outputs = decoder_layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=past_key_values,
            )
            hidden_states = layer_outputs[0]

        next_cache = past_key_values if use_cache else None
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=next_cache)
