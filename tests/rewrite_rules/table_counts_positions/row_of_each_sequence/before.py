class TinyPositions(nn.Embedding):
    def __init__(self, num_embeddings, embedding_dim):
        self.offset = 2
        super().__init__(num_embeddings + self.offset, embedding_dim)

    def forward(self, input_ids, past_length=0, position_ids=None):
        if position_ids is None:
            batch_size, seq_len = input_ids.shape[:2]
            position_ids = torch.arange(
                past_length, past_length + seq_len, dtype=torch.long, device=self.weight.device
            ).expand(batch_size, -1)
        else:
            position_ids = position_ids.unsqueeze(0)
        return super().forward(position_ids + self.offset)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_positions = TinyPositions(config.max_position_embeddings, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, past_key_values=None, **kwargs):
        length = past_key_values.get_seq_length() if past_key_values is not None else 0
        hidden_states = self.embed_tokens(input_ids) + self.embed_positions(input_ids, past_length=length)
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
