def pad_tensor_by_size(input_tensor: torch.Tensor, pad_size: int):
    pad_shape = (0, 0, 0, 0, 0, pad_size, 0, 0) if len(input_tensor.shape) == 4 else (0, 0, 0, pad_size, 0, 0)
    return torch.nn.functional.pad(input_tensor, pad_shape, mode="constant", value=0)


def reshape_into_chunks(input_tensor, pad_size, chunk_size):
    input_tensor = pad_tensor_by_size(input_tensor, pad_size)
    if len(input_tensor.shape) == 3:
        return input_tensor.reshape(input_tensor.shape[0], -1, chunk_size, input_tensor.shape[2])
    else:
        return input_tensor.reshape(
            input_tensor.shape[0], -1, chunk_size, input_tensor.shape[2], input_tensor.shape[3]
        )


def segment_sum(input_tensor):
    chunk_size = input_tensor.size(-1)
    input_tensor = input_tensor[..., None].expand(*input_tensor.size(), chunk_size)
    mask = torch.tril(torch.ones(chunk_size, chunk_size, device=input_tensor.device, dtype=torch.bool), diagonal=-1)
    input_tensor = input_tensor.masked_fill(~mask, 0)
    tensor_segsum = torch.cumsum(input_tensor, dim=-2)
    mask = torch.tril(torch.ones(chunk_size, chunk_size, device=input_tensor.device, dtype=torch.bool), diagonal=0)
    tensor_segsum = tensor_segsum.masked_fill(~mask, -torch.inf)
    return tensor_segsum


class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.heads, self.groups = config.heads, config.groups
        self.head_dim, self.state_size = config.head_dim, config.state_size
        self.limit = config.time_step_limit
        self.chunk_size = config.chunk_size

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        decodes = past_key_values is not None and past_key_values.has_previous_state(self.layer_idx) and seq_len == 1
        x, dt, B, C = torch.split(hidden_states, self.sizes, dim=-1)
        A = -torch.exp(self.A_log.float())
        # The states
        if decodes:
            dt = dt[:, 0, :][:, None, ...]
            dt = dt.transpose(1, 2).expand(batch_size, dt.shape[-1], self.head_dim)
            bias = self.dt_bias[..., None].expand(self.dt_bias.shape[0], self.head_dim)
            dt = torch.nn.functional.softplus(dt + bias.to(dt.dtype))
            dt = torch.clamp(dt, self.limit[0])
            A = A[..., None, None].expand(self.heads, self.head_dim, self.state_size).to(dtype=torch.float32)
            dA = torch.exp(dt[..., None] * A)
            B = B.reshape(batch_size, self.groups, -1)[..., None, :]
            B = B.expand(batch_size, self.groups, self.heads // self.groups, B.shape[-1]).contiguous()
            B = B.reshape(batch_size, -1, B.shape[-1])
            dB = dt[..., None] * B[..., None, :]
            x = x.reshape(batch_size, -1, self.head_dim)
            dBx = dB * x[..., None]
            state = past_key_values.layers[self.layer_idx].recurrent_states * dA + dBx
            state = past_key_values.update_recurrent_state(state, self.layer_idx)
            C = C.reshape(batch_size, self.groups, -1)[..., None, :]
            C = C.expand(batch_size, self.groups, self.heads // self.groups, C.shape[-1]).contiguous()
            C = C.reshape(batch_size, -1, C.shape[-1])
            state = state.to(C.dtype)
            flat = state.view(batch_size * self.heads, self.head_dim, self.state_size)
            flat_C = C.view(batch_size * self.heads, self.state_size, 1)
            y = torch.bmm(flat, flat_C)
            y = y.view(batch_size, self.heads, self.head_dim)
            D = self.D[..., None].expand(self.D.shape[0], self.head_dim)
            y = (y + x * D).to(y.dtype)
            y = y.reshape(batch_size, -1)[:, None, ...]
        else:
            dt = nn.functional.softplus(dt + self.dt_bias)
            dt = torch.clamp(dt, self.limit[0], self.limit[1])
            x = x.reshape(batch_size, seq_len, -1, self.head_dim).float()
            B = B.reshape(batch_size, seq_len, -1, self.state_size).float()
            C = C.reshape(batch_size, seq_len, -1, self.state_size).float()
            B = B.repeat_interleave(self.heads // self.groups, dim=2, output_size=self.heads)
            C = C.repeat_interleave(self.heads // self.groups, dim=2, output_size=self.heads)
            pads = (self.chunk_size - seq_len % self.chunk_size) % self.chunk_size
            skipped = self.D[..., None] * pad_tensor_by_size(x, pads)
            x = x * dt[..., None]
            A = A.to(x.dtype) * dt
            x, A, B, C = [reshape_into_chunks(item, pads, self.chunk_size) for item in (x, A, B, C)]
            A = A.permute(0, 3, 1, 2)
            sums = torch.cumsum(A, dim=-1)
            L = torch.exp(segment_sum(A))
            products = C[:, :, :, None, :, :] * B[:, :, None, :, :, :]
            G = products.sum(dim=-1)
            decayed = G[..., None] * L.permute(0, 2, 3, 4, 1)[..., None]
            M = decayed.sum(dim=-1)
            inside = (M[..., None] * x[:, :, None]).sum(dim=3)
            to_end = torch.exp(sums[:, :, :, -1:] - sums)
            B_decay = B * to_end.permute(0, -2, -1, 1)[..., None]
            states = (B_decay[..., None, :] * x[..., None]).sum(dim=2)
            before = torch.zeros_like(states[:, :1])
            states = torch.cat([before, states], dim=1)
            across = torch.exp(segment_sum(nn.functional.pad(sums[:, :, :, -1], (1, 0))))
            across = across.transpose(1, 3)
            new = (across[..., None, None] * states[:, :, None, ...]).sum(dim=1)
            states, state = new[:, :-1], new[:, -1]
            from_start = torch.exp(sums)
            met = C[..., None, :] * states[:, :, None, ...]
            turned = from_start.permute(0, 2, 3, 1)
            outside = met.sum(-1) * turned[..., None]
            y = inside + outside
            y = y.reshape(batch_size, -1, self.heads, self.head_dim)
            y = y + skipped
            if pads > 0:
                y = y[:, :seq_len, :, :]
            y = y.reshape(batch_size, seq_len, -1)
            if state is not None:
                past_key_values.update_recurrent_state(state, self.layer_idx)
        return self.out_proj(y)
