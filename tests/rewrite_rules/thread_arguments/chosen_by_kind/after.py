class TinyMixer:
    def forward(
        self,
        hidden_states,
        past_key_values=None,
        attention_mask=None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
        **kwargs,
    ):
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        return self.out_proj(hidden_states)


class TinyDecoderLayer:
    def forward(
        self,
        hidden_states,
        attention_mask=None,
        past_key_values=None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
        **kwargs,
    ):
        if self.kind == "conv":
            hidden_states = self.mixer(
                hidden_states, past_key_values=past_key_values, position_ids=position_ids, batch_index=batch_index
            )
        elif self.kind == "full_attention":
            hidden_states, _ = self.mixer(
                hidden_states,
                attention_mask=attention_mask,
                past_key_values=past_key_values,
                position_ids=position_ids,
                batch_index=batch_index,
                **kwargs,
            )
        else:
            hidden_states = self.mixer(hidden_states)
        return hidden_states
