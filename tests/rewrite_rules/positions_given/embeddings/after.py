class TinyEmbeddings:
    def forward(self, input_ids, position_ids=None, past_key_values_length=0):
        batch_size, seq_length = input_ids.size()
        return self.word_embeddings(input_ids) + self.position_embeddings(position_ids)
