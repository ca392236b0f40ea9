class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.max_position_embeddings = config.max_position_embeddings
        self.rotary_emb = TinyRotaryEmbedding(config.head_dim, max_position_embeddings=self.max_position_embeddings)

    def forward(self, hidden_states, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        bsz, q_len, _ = hidden_states.size()
        query_states = key_states = value_states = hidden_states.view(bsz, 1, q_len, -1)

        kv_seq_len = key_states.shape[-2]
        if past_key_values is not None:
            if self.layer_idx is None:
                raise ValueError("Please make sure to initialize the attention class with a layer index.")
            kv_seq_len += past_key_values.get_usable_length(kv_seq_len, self.layer_idx)
        cos, sin = self.rotary_emb(value_states, seq_len=kv_seq_len)
        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin, position_ids)

        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3))
        if attn_weights.size() != (bsz, 1, q_len, kv_seq_len):
            raise ValueError(f"Attention weights should be of size {(bsz, 1, q_len, kv_seq_len)}")
        attn_weights = attn_weights + attention_mask
        attn_output = torch.matmul(attn_weights.softmax(-1), value_states)
        return attn_output, attn_weights, past_key_values


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, position_ids=None, past_key_values=None, output_attentions=False, use_cache=False):
        hidden_states, self_attn_weights, present_key_value = self.self_attn(
            hidden_states, attention_mask=attention_mask, position_ids=position_ids, past_key_values=past_key_values
        )
        outputs = (hidden_states,)
        if output_attentions:
            outputs += (self_attn_weights,)
        if use_cache:
            outputs += (present_key_value,)
        return outputs


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, output_attentions=None):
        batch_size, seq_length = input_ids.shape


        hidden_states = self.embed_tokens(input_ids)
        next_decoder_cache = None
        for decoder_layer in self.layers:
            layer_outputs = decoder_layer(
                hidden_states, attention_mask=attention_mask, position_ids=position_ids, past_key_values=past_key_values
            )
            hidden_states = layer_outputs[0]
            if use_cache:
                next_decoder_cache = layer_outputs[2 if output_attentions else 1]

        next_cache = None
        if use_cache:
            next_cache = (
                next_decoder_cache.to_legacy_cache() if isinstance(next_decoder_cache, Cache) else next_decoder_cache
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=next_cache)
