class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        self.inv_freq = config.inv_freq
        self.mrope_section = config.rope_parameters["mrope_section"]

    @dynamic_rope_update
    def forward(self, x, position_ids):
        position_ids = position_ids.expand(3, -1, -1)
        freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device)
        cos = self.in_sections(freqs.cos())
        sin = self.in_sections(freqs.sin())
        return cos.to(dtype=x.dtype), sin.to(dtype=x.dtype)

    def in_sections(self, freq):
        freq = torch.cat([m[i % 3] for i, m in enumerate(freq.split(self.mrope_section, dim=-2))], dim=-1)
        return freq.repeat_interleave(2, dim=-1)


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(
        self, inputs_embeds, position_ids=None, position_sections=None, past_key_values=None, logits_to_keep=0, **kwargs
    ):
        outputs = self.model(
            inputs_embeds=inputs_embeds,
            position_ids=position_ids,
            position_sections=position_sections,
            past_key_values=past_key_values,
            **kwargs,
        )
        logits = self.lm_head(outputs.last_hidden_state)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
