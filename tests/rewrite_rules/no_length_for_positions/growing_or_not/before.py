class TinyPositions(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.make_weights(config.max_position_embeddings, config.hidden_size)

    def make_weights(self, number, size):
        self.weights = nn.Buffer(torch.zeros(number, size), persistent=False)

    def forward(self, position_ids=None, length=0):
        batch_size, seq_len = position_ids.size()
        longest = 2 + seq_len + length
        if torch.is_tensor(longest) or longest > self.weights.size(0):
            self.make_weights(longest, self.weights.size(1))
        return self.weights[position_ids + 2]


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_positions = TinyPositions(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        length = past_key_values.get_seq_length() if past_key_values is not None else 0
        hidden_states = hidden_states + self.embed_positions(position_ids, length)
        causal_mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, attention_mask=causal_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
