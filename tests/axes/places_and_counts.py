"""Keys met by their places, numbers of tokens and keys in arithmetic, and branches on them."""

from __future__ import annotations

from tests.axes.variation import (
    SCORES,
    WEIGHED,
    attending,
    fed,
    remembered,
    scored,
    softmax_replaced,
    weighed,
)
from tests.variations.variation import refused

PLACES = (
    softmax_replaced(
        "scores through ReLU divided by how many keys there are", "torch.relu(attn_weights) / key.shape[-2]"
    ),
    softmax_replaced("scores through ReLU without a softmax", "torch.relu(attn_weights)"),
    # Upstream's cache drops the keys before a window, so a key's place there is not its position.
    *(
        refused(
            f"scores that grow with a key's place in its window, by {how}",
            (SCORES, f"{SCORES}    {line}\n"),
        )
        for how in (
            "torch.arange(attn_weights.shape[3])",
            "torch.arange(end=key.shape[2] + 0)",
            "torch.linspace(0, 1, attn_weights.shape[-1])",
            "torch.ones(attn_weights.shape[-1]).cumsum(0)",
            "attn_weights.new_ones(attn_weights.shape).cumsum(-1)",
        )
        for line in (f"attn_weights = attn_weights * (1 + 0.1 * {how})",)
    ),
    refused("values summed up along keys", (WEIGHED, "    attn_output = value_states.cumsum(2)[:, :, -1:] + query\n")),
    weighed("the mean of values", "attn_weights = attn_weights + value_states.mean(2, keepdim=True).sum()"),
    attending(
        "keys of which the largest is taken", "query_states = query_states + key_states.amax(dim=2, keepdim=True)"
    ),
    attending("keys of which the first is taken", "query_states = query_states + key_states[:, :, :1]"),
    attending("keys turned around", "key_states = key_states.flip(2)"),
    attending("keys without their mean", "key_states = key_states - key_states.mean(dim=2, keepdim=True)"),
    attending(
        "scores of the cache with itself",
        "value_states = torch.matmul(key_states, key_states.transpose(2, 3)) @ value_states",
    ),
    attending("values of the first keys", "value_states = value_states[:, :, : query_states.shape[2]]"),
    scored("a mean of scores", "attn_weights = attn_weights - attn_weights.mean(dim=-1, keepdim=True)"),
    scored("the best scores alone", "attn_weights = attn_weights.topk(4, dim=-1).values"),
    scored("scores changed after the mask", "attn_weights = attn_weights * torch.rsqrt(attn_weights.abs() + 1)"),
    weighed("weights divided by their number", "attn_weights = attn_weights * attn_weights.shape[-1]"),
    weighed("something added to all weights", "attn_weights = attn_weights + 0.01"),
    weighed(
        "weights normed again by their root",
        "attn_weights = attn_weights.sqrt()\n    attn_weights = attn_weights / attn_weights.std(dim=-1, keepdim=True)",
    ),
)
COUNTS = (
    fed("states times how many tokens there are", "seq_len = x.shape[1]", "x = x * seq_len"),
    fed("states times a count in a table", "x = x * torch.tensor(x.shape[1], dtype=x.dtype)"),
    fed("states times a count filled in", "x = x * torch.full((1,), x.shape[1], dtype=x.dtype)"),
    fed("states times a limited count", "x = x * min(x.shape[1], 4)"),
    fed("states times the number of rows", "x = x * x.shape[0]"),
    fed("places of tokens added", "x = x + torch.arange(x.shape[1], device=x.device)[None, :, None]"),
    fed("places of tokens counted by ones", "x = x + torch.ones(x.shape[:2]).cumsum(1)[..., None]"),
    remembered(
        "a buffer cut by how many tokens there are",
        'self.register_buffer("logn", torch.arange(1.0, 4096.0).log())',
        "x = x * self.logn[: x.shape[1]][None, :, None]",
    ),
    remembered(
        "a parameter cut by how many tokens there are",
        "self.decay = nn.Parameter(torch.ones(1, config.max_position_embeddings, 1))",
        "x = x * self.decay[:, : x.shape[1]]",
    ),
    remembered(
        "a parameter for every pair of tokens",
        "self.mix = nn.Parameter(torch.ones(config.max_position_embeddings, config.max_position_embeddings))",
        "x = self.mix[: x.shape[1], : x.shape[1]] @ x",
    ),
)
BRANCHES = (
    attending(
        "a branch by a conditional expression",
        "query_states = query_states * (1 if query_states.shape[2] == 1 else 2)",
    ),
    attending(
        "a branch by a truth kept under a name",
        "decodes = query_states.shape[2] == 1",
        "if decodes and self.is_causal:",
        "    query_states = query_states * 2",
    ),
    attending("a truth used as a number", "query_states = query_states * int(query_states.shape[2] == 1)"),
    attending("one of a list by the length", "query_states = query_states * [1.0, 2.0][query_states.shape[2] == 1]"),
    fed("a branch on values", "if bool((x > 0).all()):", "    x = x * 2"),
    fed("a branch that returns", "if x.shape[1] == 1:", "    return self.down_proj(self.up_proj(x))"),
    fed("a branch by `or`", "x = x * (x.shape[1] == 1 or 2)"),
)
