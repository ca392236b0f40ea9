class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.heads = config.num_attention_heads
        self.block_size = config.block_size

        rate = self.slopes()
        from_start, to_end, between = self.decays(rate)
        self.register_buffer("rate", rate)
        self.register_buffer("from_start", from_start)
        self.register_buffer("to_end", to_end)
        self.register_buffer("between", between)
        self.register_buffer("to_end", from_start)

    def slopes(self):
        return 0.5 ** (torch.arange(self.heads) + 1)[:, None, None]

    def decays(self, rate):
        numbers = torch.arange(self.block_size) + 1

        from_start = torch.exp(-rate * numbers[:, None])
        to_end = torch.exp(-rate * (self.block_size - numbers[:, None]))

        between = numbers[:, None] - numbers[None, :]
        between = between[None, None, :, :]
        between = rate * between
        between = torch.where(between >= 0, -between, float("-inf"))
        between = torch.exp(between)

        return from_start, to_end, between

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, hidden_size = hidden_states.shape
        num_blocks = (seq_len + self.block_size - 1) // self.block_size
        query, key, value = self.qkv(hidden_states)

        # The state
        state = None
        state = past_key_values.get_recurrent_state(self.layer_idx)

        if state is None:
            state = torch.zeros(batch_size, self.heads, 4, 4).to(value)
            output = []
            for i in range(num_blocks):
                start = i * self.block_size
                end = min(start + self.block_size, seq_len)
                size = end - start
                q = query[:, :, start:end]
                k = key[:, :, start:end]
                v = value[:, :, start:end]
                q_decay = self.from_start[:, :size]
                k_decay = self.to_end[:, -size:]
                inner_decay = self.between[:, :, :size, :size]
                block_decay = torch.exp(-self.rate * size)
                scores = torch.matmul(q, k.transpose(-1, -2))
                inner = torch.matmul(scores * inner_decay, v)
                outer = torch.matmul(q * q_decay, state)
                current = outer + inner
                output.append(current)
                added = torch.matmul((k * k_decay).transpose(-1, -2), v)
                state = state * block_decay + added
        else:
            ratio = torch.exp(-self.rate)
            output = []
            for i in range(seq_len):
                q = query[:, :, i : i + 1]
                k = key[:, :, i : i + 1]
                v = value[:, :, i : i + 1]
                new = torch.matmul(k.transpose(-1, -2), v)
                state = ratio * state + new
                current = torch.matmul(q, state)
                output.append(current)

        # All blocks
        output = torch.cat(output, dim=-2)
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return output
