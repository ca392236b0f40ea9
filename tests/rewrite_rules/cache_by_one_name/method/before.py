class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, cache=None, **kwargs):
        key, value = cache.update(hidden_states, hidden_states, self.layer_idx)
        return eager_attention_forward(self, hidden_states, key, value, attention_mask, scaling=1.0)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, cache=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, attention_mask=attention_mask, cache=cache)
        return hidden_states


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        attention_mask = self.make_mask(hidden_states, attention_mask=attention_mask, state=cache)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, attention_mask=attention_mask, cache=cache)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, cache=cache)

    def make_mask(self, hidden_states, attention_mask, state):
        return create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, cache=state
        )


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, attention_mask=None, cache=None, **kwargs):
        outputs = self.model(input_ids, attention_mask=attention_mask, cache=cache)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state), cache=outputs.cache)
