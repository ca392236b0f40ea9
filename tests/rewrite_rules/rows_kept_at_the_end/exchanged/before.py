class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])
        self.rotary_emb = TinyRotaryEmbedding(config)

    def forward(
        self,
        input_ids,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        use_cache=None,
        logits_to_keep=0,
        **kwargs,
    ):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        masks = {
            "full_attention": create_causal_mask(
                config=self.config,
                inputs_embeds=hidden_states,
                attention_mask=attention_mask,
                past_key_values=past_key_values,
            )
        }
        rotations = {"full_attention": self.rotary_emb(hidden_states, position_ids)}
        for i, layer in enumerate(self.layers):
            # These read the keys of others.
            if i == self.first_shared:
                hidden_states, rotations, masks = self.slice_rows(
                    hidden_states, rotations, masks, logits_to_keep, **kwargs
                )

            hidden_states = layer(
                hidden_states,
                attention_mask=masks["full_attention"],
                position_embeddings=rotations["full_attention"],
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)

    def slice_rows(self, hidden_states, rotations, masks, logits_to_keep, **kwargs):
        if hidden_states.shape[1] == 1 or not isinstance(logits_to_keep, int):
            return hidden_states, rotations, masks
        logits_to_keep = slice(-logits_to_keep, None)
        hidden_states = hidden_states[:, logits_to_keep, :]
        rotations = {k: (cos[:, logits_to_keep, :], sin[:, logits_to_keep, :]) for k, (cos, sin) in rotations.items()}
        masks = {k: v[:, :, logits_to_keep, :] if v is not None else None for k, v in masks.items()}
        return hidden_states, masks, rotations


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, position_ids=None, past_key_values=None, logits_to_keep=0, **kwargs):
        outputs = self.model(
            input_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )
        hidden_states = outputs.last_hidden_state
        # The model may have sliced them.
        if hidden_states.shape[1] == input_ids.shape[1]:
            hidden_states = slice_logits_to_keep(hidden_states, logits_to_keep)
        logits = self.lm_head(hidden_states)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
