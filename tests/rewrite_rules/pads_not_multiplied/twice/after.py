class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        # The convolution
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        hidden_states = hidden_states.transpose(1, 2)
        return hidden_states


class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        mixed = self.mixer(hidden_states, past_key_values)
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return hidden_states + mixed
