class TinyMixer:
    def forward(self, states, position_ids, use_cache=True, **kwargs):
        batch_size, seq_len, _ = states.shape
        columns = self.in_proj(states).transpose(1, 2)

        if use_cache:
            # Whether it is there
            if self.conv_state is None or self.conv_state.shape[0] != batch_size:
                self.conv_state = torch.zeros((batch_size, 4, self.conv_kernel_size - 1), dtype=states.dtype)
                self.scan.states = torch.zeros((batch_size, 4), dtype=torch.float32)

            if position_ids.shape[1] != 1:  # several tokens
                self.conv_state = nn.functional.pad(columns, (self.conv_kernel_size - columns.shape[-1] - 1, 0))
                columns = self.conv(columns)[..., :seq_len]
            else:
                both = torch.cat((self.conv_state, columns), -1)
                columns = torch.sum(both * self.conv.weight[:, 0, :], dim=-1) + self.conv.bias
                columns = columns.unsqueeze(-1)
                self.conv_state = both[:, :, 1:]
        else:
            self.conv_state = None
            self.scan.states = None
            columns = self.conv(columns)[..., :seq_len]

        hidden_states = self.scan(columns.transpose(1, 2), position_ids, layer_idx=layer_idx)
        return hidden_states


class TinyModel:
    def forward(self, inputs_embeds, position_ids, past_key_values=None, use_cache=None, **kwargs):
        if use_cache and past_key_values is None:
            self._setup_cache(self.config, inputs_embeds.shape[0], inputs_embeds.device, inputs_embeds.dtype)
            past_key_values = DynamicCache(config=self.config)

        for i, decoder_layer in enumerate(self.layers):
            inputs_embeds = decoder_layer(
                inputs_embeds, position_ids, past_key_values=past_key_values, layer_idx=i, **kwargs
            )
        return BaseModelOutput(last_hidden_state=inputs_embeds)
