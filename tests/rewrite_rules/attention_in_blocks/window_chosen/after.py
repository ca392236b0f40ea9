class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)

        # Known from here on.
        if (
            self.attn_blocking_config.mode != BlockingMode.NONE
            and (self.sliding_window if self.is_sliding else None) is None
        ):
            attn_output, attn_weights = generic_blocked_attention_interface(
                module=self,
                query=query,
                key=key,
                value=value,
                attention_mask=attention_mask,
                scaling=self.scaling,
                layer_idx=self.layer_idx,
                past_key_value=past_key_values,
                blocking_config=self.attn_blocking_config,
                comp_ctx_lengths=attention_mask,
                batch_index=batch_index,
                position_ids=position_ids,
                past_seen_tokens=attention_mask.shape[-1],
            )
        else:
            if past_key_values is not None:
                key, value = past_key_values.update(key, value, self.layer_idx)

            attention_interface: Callable = eager_attention_forward
            attn_output, attn_weights = attention_interface(
                self,
                query,
                key,
                value,
                attention_mask,
                scaling=self.scaling,
                sliding_window=self.sliding_window if self.is_sliding else None,
                **kwargs,
            )
        return self.o_proj(attn_output), attn_weights

    def __qeff_init__(self):
        self.attn_blocking_config = AttentionBlockingConfig()
