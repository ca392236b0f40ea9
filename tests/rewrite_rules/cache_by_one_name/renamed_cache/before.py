class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, cache=None, **kwargs):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        if cache is not None:
            key_states, value_states = cache.update(key_states, value_states, self.layer_idx, kwargs=kwargs)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, cache=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, attention_mask=attention_mask, cache=cache, **kwargs)
        return hidden_states


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, position_ids=None, cache=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and cache is None:
            cache = DynamicCache(config=self.config)
        causal_mask = create_causal_mask(config=self.config, cache=cache, position_ids=position_ids)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, attention_mask=causal_mask, cache=cache, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, cache=cache)


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.model = TinyModel(config)

    def forward(self, input_ids, position_ids=None, cache=None, **kwargs):
        outputs = self.model(input_ids, position_ids=position_ids, cache=cache, **kwargs)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state), cache=outputs.cache)
