class TinyScan(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.states = None

    def forward(self, activations, position_ids):
        reset = position_ids[:, :, None] == 0
        gate = torch.sigmoid(activations)
        hidden_states, states = self._scan(
            hidden_states=activations, recurrent_gate=gate, reset=reset, recurrent_states=self.states
        )
        self.states = states
        return hidden_states

    def _scan(self, hidden_states, recurrent_gate, reset, recurrent_states, acc_dtype=torch.float32):
        """Goes through the tokens."""
        recurrent_gate = recurrent_gate * ~reset

        if hidden_states.shape[1] == 1:
            if recurrent_states is None:
                return hidden_states, hidden_states[:, 0].type(acc_dtype)
            else:
                out = recurrent_gate.type(acc_dtype) * recurrent_states[:, None].to(recurrent_gate.device)
                out += hidden_states.type(acc_dtype)
                return out.type(hidden_states.dtype), out[:, -1]
        else:
            if recurrent_states is None:
                recurrent_states = torch.zeros(hidden_states[:, 0].shape, dtype=acc_dtype, device=hidden_states.device)
            out = torch.zeros_like(hidden_states)
            for t in range(hidden_states.shape[1]):
                recurrent_states = recurrent_gate[:, t].type(acc_dtype) * recurrent_states.to(recurrent_gate.device)
                recurrent_states = recurrent_states + hidden_states[:, t].type(acc_dtype)
                out[:, t] = recurrent_states.type(hidden_states.dtype)
        return out, recurrent_states


class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(
            config.width,
            config.width,
            kernel_size=config.conv_kernel_size,
            groups=config.width,
            padding=config.conv_kernel_size - 1,
        )
        self.scan = TinyScan(config)
        self.conv_state = None

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

        hidden_states = self.scan(columns.transpose(1, 2), position_ids)
        return hidden_states

    def _setup_cache(self, batch, device, dtype):
        self.scan.states = torch.zeros((batch, 4), device=device, dtype=torch.float32)
        self.conv_state = torch.zeros((batch, 4, self.conv_kernel_size - 1), device=device, dtype=dtype)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.mixer = TinyMixer(config, layer_idx)
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, position_ids, attention_mask=None, past_key_values=None, **kwargs):
        mixed = self.mixer(hidden_states, position_ids=position_ids, **kwargs)
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return hidden_states + mixed


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, inputs_embeds, position_ids, past_key_values=None, use_cache=None, **kwargs):
        if use_cache and past_key_values is None:
            self._setup_cache(self.config, inputs_embeds.shape[0], inputs_embeds.device, inputs_embeds.dtype)
            past_key_values = DynamicCache(config=self.config)

        for i, decoder_layer in enumerate(self.layers):
            inputs_embeds = decoder_layer(inputs_embeds, position_ids, past_key_values=past_key_values, **kwargs)
        return BaseModelOutput(last_hidden_state=inputs_embeds)

    def _setup_cache(self, config, batch, device, dtype):
        layers = getattr(self, "model", self).layers
        for layer in layers:
            if hasattr(layer.mixer, "_setup_cache"):
                layer.mixer._setup_cache(batch, device, dtype)


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, inputs_embeds, position_ids, past_key_values=None, **kwargs) -> CausalLMOutput:
        outputs: BaseModelOutput = self.model(
            inputs_embeds=inputs_embeds, position_ids=position_ids, past_key_values=past_key_values, **kwargs
        )
        logits = self.lm_head(outputs.last_hidden_state)
        return CausalLMOutput(logits=logits)
