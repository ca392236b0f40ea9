"""Keys met by their places, numbers of tokens and keys in arithmetic, and branches on them."""

from __future__ import annotations

from tests.axes.variation import (
    WEIGHED,
    Variation,
    attending,
    fed,
    layered,
    remembered,
    scored,
    softmax_replaced,
    weighed,
)

PLACES = (
    attending(
        "query scaled by the logarithm of its place",
        "first = key_states.size(2) - query_states.size(2)",
        "places = torch.arange(query_states.size(2), device=query_states.device) + first + 1",
        "query_states = query_states * torch.log(places.float())[None, None, :, None]",
    ),
    softmax_replaced(
        "scores through ReLU divided by how many keys there are", "torch.relu(attn_weights) / key.shape[-2]"
    ),
    softmax_replaced("scores through ReLU without a softmax", "torch.relu(attn_weights)"),
    softmax_replaced("scores through a sigmoid without a softmax", "torch.sigmoid(attn_weights)"),
    Variation(
        "values summed up along keys", ((WEIGHED, "    attn_output = value_states.cumsum(2)[:, :, -1:] + query\n"),)
    ),
    weighed("the mean of values", "attn_weights = attn_weights + value_states.mean(2, keepdim=True).sum()"),
    attending(
        "queries divided by the root of how many keys there are",
        "query_states = query_states * key_states.shape[-2] ** -0.5",
    ),
    attending(
        "keys of which the largest is taken", "query_states = query_states + key_states.amax(dim=2, keepdim=True)"
    ),
    attending("keys of which the first is taken", "query_states = query_states + key_states[:, :, :1]"),
    attending("keys of which the last is taken", "query_states = query_states + key_states[:, :, -1:]"),
    attending("keys turned around", "key_states = key_states.flip(2)"),
    attending("keys shifted by one", "key_states = torch.roll(key_states, 1, dims=2)"),
    attending("keys without their mean", "key_states = key_states - key_states.mean(dim=2, keepdim=True)"),
    attending("values normed along keys", "value_states = nn.functional.normalize(value_states, dim=2)"),
    attending("keys sorted", "key_states = key_states.sort(dim=-2).values"),
    attending(
        "scores of the cache with itself",
        "value_states = torch.matmul(key_states, key_states.transpose(2, 3)) @ value_states",
    ),
    attending("values of the first keys", "value_states = value_states[:, :, : query_states.shape[2]]"),
    scored("a mean of scores", "attn_weights = attn_weights - attn_weights.mean(dim=-1, keepdim=True)"),
    scored("scores sorted", "attn_weights = attn_weights.sort(dim=-1).values"),
    scored("the best scores alone", "attn_weights = attn_weights.topk(4, dim=-1).values"),
    scored("scores cumulated", "attn_weights = attn_weights.cumsum(dim=-1)"),
    scored("scores changed after the mask", "attn_weights = attn_weights * torch.rsqrt(attn_weights.abs() + 1)"),
    scored("the softmax along queries too", "attn_weights = attn_weights.softmax(dim=2)"),
    weighed("weights divided by their number", "attn_weights = attn_weights * attn_weights.shape[-1]"),
    weighed("something added to all weights", "attn_weights = attn_weights + 0.01"),
    weighed(
        "weights normed again by their root",
        "attn_weights = attn_weights.sqrt()\n    attn_weights = attn_weights / attn_weights.std(dim=-1, keepdim=True)",
    ),
)
COUNTS = (
    fed("states times how many tokens there are", "seq_len = x.shape[1]", "x = x * seq_len"),
    fed("states divided by how many numbers there are", "x = x / x.numel()"),
    fed("states times the length of a row", "x = x * len(x[0])"),
    fed("states times a count in a table", "x = x * torch.tensor(x.shape[1], dtype=x.dtype)"),
    fed("states times a count filled in", "x = x * torch.full((1,), x.shape[1], dtype=x.dtype)"),
    fed("states times a limited count", "x = x * min(x.shape[1], 4)"),
    fed("states times the root of a count", "x = x * x.size(1) ** 0.5"),
    fed("states plus a count by its name", "_, length, _ = x.shape", "x = x + length"),
    fed("states times the number of rows", "x = x * x.shape[0]"),
    fed("places of tokens added", "x = x + torch.arange(x.shape[1], device=x.device)[None, :, None]"),
    fed("places of tokens by a range of values", "x = x * torch.linspace(0, 1, x.shape[1])[None, :, None]"),
    fed("places of tokens counted by ones", "x = x + torch.ones(x.shape[:2]).cumsum(1)[..., None]"),
    fed("places of tokens in a list", "x = x * torch.tensor(list(range(x.shape[1])))[None, :, None]"),
    fed("a triangle of tokens", "w = torch.ones(x.shape[1], x.shape[1]).tril()", "x = w @ x"),
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
    attending(
        "queries scaled by the logarithm of how many there are",
        "import math",
        "query_states = query_states * math.log(query_states.shape[2] + 1)",
    ),
    layered(
        "states scaled by how many tokens there are", "hidden_states = hidden_states * float(hidden_states.shape[1])"
    ),
)
BRANCHES = (
    attending("a branch on one token", "if query_states.shape[2] == 1:", "    query_states = query_states * 2"),
    attending("a branch on several tokens", "if query_states.shape[-2] > 1:", "    query_states = query_states * 2"),
    attending(
        "a branch on the length by a name",
        "q_len = query_states.shape[2]",
        "if q_len > 1:",
        "    query_states = query_states * 2",
    ),
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
    attending(
        "a branch by one more than a length", "if query_states.shape[2] - 1:", "    query_states = query_states * 2"
    ),
    attending(
        "a branch on both lengths",
        "if query_states.shape[2] != key_states.shape[2]:",
        "    query_states = query_states * 2",
    ),
    attending(
        "a loop as long as the call", "for _ in range(query_states.shape[2]):", "    query_states = query_states * 1.5"
    ),
    attending(
        "a loop while there are tokens",
        "n = query_states.shape[2]",
        "while n > 1:",
        "    query_states = query_states * 1.5",
        "    n = n - 1",
    ),
    attending("a truth used as a number", "query_states = query_states * int(query_states.shape[2] == 1)"),
    attending("one of a list by the length", "query_states = query_states * [1.0, 2.0][query_states.shape[2] == 1]"),
    attending(
        "a branch on the number of rows", "if query_states.shape[0] > 1:", "    query_states = query_states * 2"
    ),
    fed("a branch on values", "if bool((x > 0).all()):", "    x = x * 2"),
    fed("a branch on a sum", "if x.sum() > 0:", "    x = x * 2"),
    fed("a branch on the length of a row", "if len(x[0]) == 1:", "    x = x * 2"),
    fed("a branch that returns", "if x.shape[1] == 1:", "    return self.down_proj(self.up_proj(x))"),
    fed("a branch by `or`", "x = x * (x.shape[1] == 1 or 2)"),
    fed("a branch by a match", "match x.shape[1]:", "    case 1:", "        x = x * 2"),
    layered("a branch of the model", "if hidden_states.shape[1] == 1:", "    hidden_states = hidden_states * 2"),
)
