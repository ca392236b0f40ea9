class TinyModel:
    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.wte(input_ids) + self.wpe.weight[position_ids]
        for block in self.h:
            hidden_states = block(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
