class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(
        self, hidden_states, past_key_values=None, output_attentions=False, output_router_logits=False, **kwargs
    ):
        hidden_states, weights = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        hidden_states, router_logits = self.mlp(hidden_states)
        outputs = (hidden_states,)
        if output_attentions:
            outputs += (weights,)
        if output_router_logits:
            outputs += (router_logits,)
        return outputs


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(
        self, input_ids, past_key_values=None, use_cache=None, output_attentions=None, output_router_logits=None, **kwargs
    ):
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_router_logits = (
            output_router_logits if output_router_logits is not None else self.config.output_router_logits
        )
        hidden_states = self.embed_tokens(input_ids)
        all_router_logits = () if output_router_logits else None
        for decoder_layer in self.layers:
            layer_outputs = decoder_layer(
                hidden_states,
                past_key_values=past_key_values,
                output_attentions=output_attentions,
                output_router_logits=output_router_logits,
                **kwargs,
            )
            hidden_states = layer_outputs[0]
            if output_router_logits:
                all_router_logits += (layer_outputs[-1],)
        return MoeModelOutputWithPast(
            last_hidden_state=hidden_states, past_key_values=past_key_values, router_logits=all_router_logits
        )


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, past_key_values=None, use_cache=None, output_router_logits=None, **kwargs):
        outputs = self.model(
            input_ids, past_key_values=past_key_values, output_router_logits=output_router_logits, **kwargs
        )
        logits = self.lm_head(outputs.last_hidden_state)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
