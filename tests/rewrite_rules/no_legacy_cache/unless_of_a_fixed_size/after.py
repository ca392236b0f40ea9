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
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        past_key_values_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        hidden = self.wpe(torch.arange(past_key_values_length))
        hidden_states = self.embed_tokens(input_ids)
        next_decoder_cache = None
        for decoder_layer in self.layers:
            layer_outputs = decoder_layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=past_key_values,
            )
            hidden_states = layer_outputs[0]
            if use_cache:
                next_decoder_cache = layer_outputs[2 if output_attentions else 1]

        next_cache = None
        if use_cache:
            next_cache = next_decoder_cache
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=next_cache)
