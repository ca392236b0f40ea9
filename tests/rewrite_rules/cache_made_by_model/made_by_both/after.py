class TinyStack:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):

        for layer_module in self.layer:
            hidden_states = layer_module(hidden_states, attention_mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
