class TinyPositions(nn.Embedding):
    def __init__(self, num_embeddings, embedding_dim):
        super().__init__(num_embeddings, embedding_dim)

    def forward(self, input_ids, past_length=0, position_ids=None):
        if position_ids is None:
            batch_size, seq_len = input_ids.shape[:2]
            position_ids = torch.arange(past_length, past_length + seq_len, dtype=torch.long, device=self.weight.device)
        return super().forward(position_ids)


class TinyNumbers(nn.Module):
    def __init__(self, num_embeddings, embedding_dim):
        super().__init__()
        self.weights = torch.zeros(num_embeddings, embedding_dim)

    def forward(self, input_ids, past_length=0):
        return self.weights.index_select(0, (torch.cumsum(input_ids.ne(0).int(), dim=1) + past_length).view(-1))


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        if config.learned_positions:
            self.embed_positions = TinyPositions(config.max_position_embeddings, config.hidden_size)
        else:
            self.embed_positions = TinyNumbers(config.max_position_embeddings, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, past_key_values=None, **kwargs):
        length = past_key_values.get_seq_length() if past_key_values is not None else 0
        if self.config.learned_positions:
            positions = self.embed_positions(input_ids, past_length=length)
        else:
            positions = self.embed_positions(input_ids, past_length=length)
        hidden_states = self.embed_tokens(input_ids) + positions
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
