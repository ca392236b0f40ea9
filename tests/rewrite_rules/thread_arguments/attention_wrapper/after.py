class TinyWrapper:
    def forward(
        self,
        hidden_states,
        past_key_values=None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
    ):
        residual = hidden_states
        hidden_states, _ = self.attn(
            self.norm(hidden_states),
            past_key_values=past_key_values,
            position_ids=position_ids,
            batch_index=batch_index,
        )
        return residual, residual + hidden_states


class TinyDecoderLayer:
    def forward(
        self,
        hidden_states,
        past_key_values=None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
    ):
        residual, hidden_states = self.wrapper(
            hidden_states, past_key_values=past_key_values, position_ids=position_ids, batch_index=batch_index
        )
        return residual + hidden_states
