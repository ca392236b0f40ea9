class TinyEmbeddings:
    def forward(self, input_ids, token_type_ids=None, position_ids=None):
        input_shape = input_ids.size()
        batch_size, seq_length = input_shape
        if token_type_ids is None:
            token_type_ids = torch.zeros(input_shape, dtype=torch.long, device=input_ids.device)
        return self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
