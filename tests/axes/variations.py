"""Blueprint's file with a line or two changed, so that tokens meet outside of attention or their number decides."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel

# Where something is put in, and the line that follows it.
NORMED = "        return self.weight * hidden_states.to(input_dtype)\n"
FED = "        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n"
SCORED = "    attn_weights = nn.functional.softmax(attn_weights, dim=-1"
SCORES = "    attn_weights = torch.matmul(query, key_states.transpose(2, 3)) * scaling\n"
WEIGHED = "    attn_output = torch.matmul(attn_weights, value_states)\n"
ATTENDING = "        attention_interface: Callable = ALL"
PROJECTED = "        attn_output = self.o_proj(attn_output)\n"
ADDED = "        # Feed-forward\n        residual = hidden_states\n"
LAYERED = "        hidden_states = self.norm(hidden_states)\n        return Base"
EMBEDDED = "        hidden_states = inputs_embeds\n        position_embeddings"
MADE = "        self.act_fn = ACT2FN[config.hidden_act]\n"


@dataclass(frozen=True)
class Variation:
    """What is changed in Blueprint's file.

    Attributes:
        name: says what is wrong with it.
        changes: text, each of which stands there once, and what takes its place.
    """

    name: str
    changes: tuple[tuple[str, str], ...]

    def model(self) -> UpstreamModel:
        """The changed file."""
        example = find_model("blueprint")
        source = example.source
        for old, new in self.changes:
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        return replace(example, source=source)


def before(name: str, following: str, *lines: str) -> Variation:
    """Lines put in before others, as far indented as those."""
    indent = following[: len(following) - len(following.lstrip())]
    return Variation(name, ((following, "".join(f"{indent}{line}\n" for line in lines) + following),))


def fed(name: str, *lines: str) -> Variation:
    """The MLP's forward with lines before it that change `x`."""
    return before(name, FED, *lines)


def normed(name: str, *lines: str) -> Variation:
    """The norm's forward with lines before its end; no RMS norm is recognised in it then."""
    return before(name, NORMED, *lines)


def attending(name: str, *lines: str) -> Variation:
    """Lines before the attention function is chosen: keys and values are the cache's."""
    return before(name, ATTENDING, *lines)


def scored(name: str, *lines: str) -> Variation:
    """Lines between the mask and the softmax."""
    return before(name, SCORED, *lines)


def weighed(name: str, *lines: str) -> Variation:
    """Lines between the softmax and the product with values."""
    return before(name, WEIGHED, *lines)


def added(name: str, *lines: str) -> Variation:
    """Lines between attention and the MLP of a layer."""
    return before(name, ADDED, *lines)


def layered(name: str, *lines: str) -> Variation:
    """Lines of the model after its layers."""
    return before(name, LAYERED, *lines)


def projected(name: str, *lines: str) -> Variation:
    """Lines of the attention before its output is projected."""
    return before(name, PROJECTED, *lines)


def softmax_replaced(name: str, expression: str) -> Variation:
    """Other weights than a softmax of the scores."""
    whole = SCORED + ", dtype=torch.float32).to(query.dtype)\n"
    return Variation(name, ((whole, f"    attn_weights = {expression}\n"),))


def remembered(name: str, made: str, *lines: str) -> Variation:
    """Something that the MLP makes in its `__init__`, and lines of its forward that use it."""
    own = before(name, FED, *lines)
    return Variation(name, ((MADE, f"{MADE}        {made}\n"), *own.changes))


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
MIXED = (
    fed("the mean over tokens added", "x = x + x.mean(dim=1, keepdim=True)"),
    fed("the mean over everything", "x = x - x.mean()"),
    fed("the largest of everything", "x = x / x.abs().max()"),
    fed("the deviation over tokens", "x = x / torch.std(x, dim=1, keepdim=True)"),
    fed("the deviation over everything", "x = x / torch.std(x)"),
    fed("the variance of a row", "x = x / x.var(dim=(1, 2), keepdim=True)"),
    fed("the norm of a row", "x = x / torch.norm(x, dim=(-2, -1), keepdim=True)"),
    fed("the norm of everything", "x = x / torch.linalg.norm(x)"),
    fed("a softmax over tokens", "x = x * x.softmax(dim=1)"),
    fed("a softmax over tokens, counted from behind", "x = x * nn.functional.softmax(x, dim=-2)"),
    fed("the sum so far", "x = x + x.cumsum(dim=1)"),
    fed("the product so far", "x = x * torch.cumprod(x.sigmoid(), dim=1)"),
    fed("the largest so far", "x = x.cummax(dim=1).values"),
    fed("tokens turned around", "x = x + torch.flip(x, [1])"),
    fed("tokens turned around by a method", "x = x + x.flip(1)"),
    fed("tokens rolled", "x = x + torch.roll(x, 1, 1)"),
    fed("tokens rolled by a name", "x = x + x.roll(shifts=1, dims=1)"),
    fed("everything rolled", "x = x + x.roll(1)"),
    fed("tokens shifted by slices", "x = x + torch.cat((x[:, :1], x[:, 1:] - x[:, :-1]), dim=1)"),
    fed("tokens shifted by a pad", "x = x + nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]"),
    fed("the last token added", "x = x + x[:, -1:]"),
    fed("the first token added", "x = x + x[:, 0].unsqueeze(1)"),
    fed("the first token added by select", "x = x + x.select(1, 0).unsqueeze(1)"),
    fed("a part of the tokens by narrow", "x = x + x.narrow(1, 0, 1)"),
    fed("every second token", "x = x.clone()", "x[:, ::2] = 0"),
    fed("tokens written over", "x = x.clone()", "x[:, 0] = 0"),
    fed("tokens by values", "x = torch.gather(x, 1, x.argsort(dim=-1))"),
    fed("tokens by their order", "x = x.take_along_dim(x.argsort(dim=1), dim=1)"),
    fed("tokens sorted", "x = x.sort(dim=1).values"),
    fed("the best tokens", "x = x + x.topk(1, dim=1).values"),
    fed("tokens times tokens", "x = torch.matmul(x @ x.transpose(1, 2), x)"),
    fed("tokens times tokens by einsum", 'x = torch.einsum("bsd,btd,bte->bse", x, x, x)'),
    fed("tokens summed by einsum", 'x = x + torch.einsum("bsd->bd", x)[:, None]'),
    fed("rows summed by einsum", 'x = x + torch.einsum("bsd->sd", x)'),
    fed("pairs of tokens by broadcast", "x = (x[:, :, None] * x[:, None]).sum(2)"),
    fed(
        "pairs of tokens by broadcast, named",
        "one, other = x.unsqueeze(2), x.unsqueeze(1)",
        "x = (one - other).amax(2)",
    ),
    fed("a norm over tokens and features", "x = nn.functional.layer_norm(x, x.shape[-2:])"),
    fed(
        "a norm over groups of rows",
        "x = nn.functional.batch_norm(x.transpose(1, 2), None, None, training=True).transpose(1, 2)",
    ),
    fed("the mean over rows", "x = x - x.mean(dim=0, keepdim=True)"),
    fed("the sum over rows", "x = x + x.sum(0)"),
    fed("the first row", "x = x + x[:1]"),
    fed("rows turned around", "x = x.flip(0)"),
    fed("windows of tokens", "x = x + x.unfold(1, 1, 1).squeeze(-1)"),
    fed("pooled tokens", "x = nn.functional.avg_pool1d(x.transpose(1, 2), 3, 1, 1).transpose(1, 2)"),
    fed("interpolated tokens", "x = nn.functional.interpolate(x.transpose(1, 2), scale_factor=1).transpose(1, 2)"),
    fed("tokens seen as features", "x = x + x.reshape(x.shape[0], -1, x.shape[1]).transpose(1, 2)"),
    fed("tokens and features exchanged", "x = x.view(x.shape[0], x.shape[2], x.shape[1]).transpose(1, 2)"),
    fed("tokens flattened into features", "x = x + x.flatten(1).mean(-1)[:, None, None]"),
    fed("pairs of tokens in one", "x = x + x.view(x.shape[0], -1, 2, x.shape[-1]).mean(2).repeat_interleave(2, 1)"),
    fed("tokens cut in two", "one, other = x.chunk(2, dim=1)", "x = torch.cat((other, one), dim=1)"),
    fed(
        "a loop over tokens",
        "total = 0",
        "for token in x.unbind(1):",
        "    total = total + token",
        "x = x + total[:, None]",
    ),
    fed("a loop over rows", "x = torch.stack([row - row.mean() for row in x])"),
    fed("a difference of tokens", "x = x + torch.diff(x, dim=1, prepend=x[:, :1])"),
    fed("a cumulated maximum by a lambda", "f = lambda t: t.cumsum(1)", "x = f(x)"),
    fed("a function inside", "def f(t):", "    return t.cumsum(1)", "x = f(x)"),
    fed("a mean by a product with ones", "x = x + torch.ones(1, x.shape[1]) @ x"),
    fed("a mean by `bmm`", "x = x + torch.bmm(x.transpose(1, 2), x).mean()"),
    fed("a fast Fourier transform", "x = torch.fft.fft(x, dim=1).real"),
    fed("any token", "x = x * (x > 0).any(dim=1, keepdim=True)"),
    fed("how many tokens are positive", "x = x / (x > 0).sum(dim=1, keepdim=True)"),
    fed("an attention of torch", "x = nn.functional.scaled_dot_product_attention(x, x, x)"),
    fed("a dtype's `index_select`", "x = x + x.index_select(1, torch.zeros(1, dtype=torch.long))"),
    fed("`index_add` over tokens", "x = x.index_add(1, torch.zeros(1, dtype=torch.long), x[:, :1])"),
    fed("scattered tokens", "x = x.scatter_add(1, torch.zeros_like(x).long(), x)"),
    fed("tokens of a flattened call", "flat = x.view(-1, x.shape[-1])", "x = (flat - flat.mean(0)).view(x.shape)"),
    fed("the best experts' tokens", "flat = x.view(-1, x.shape[-1])", "x = x + flat.topk(1, dim=0).values"),
    fed(
        "a permutation of a flattened call",
        "flat = x.view(-1, x.shape[-1])",
        "x = flat[flat[:, 0].argsort()].view(x.shape)",
    ),
    remembered(
        "a convolution along tokens",
        "self.conv = nn.Conv1d(8, 8, 3, padding=1)",
        "x = self.conv(x.transpose(1, 2)).transpose(1, 2)",
    ),
    remembered(
        "a recurrence",
        "self.gru = nn.GRU(config.hidden_size, config.hidden_size, batch_first=True)",
        "x, _ = self.gru(x)",
    ),
    remembered(
        "a batch norm",
        "self.bn = nn.BatchNorm1d(config.hidden_size)",
        "x = self.bn(x.transpose(1, 2)).transpose(1, 2)",
    ),
    remembered(
        "a linear layer along tokens",
        "self.mixer = nn.Linear(8, 8)",
        "x = self.mixer(x.transpose(1, 2)).transpose(1, 2)",
    ),
    remembered("an instance norm", "self.inorm = nn.InstanceNorm1d(8)", "x = self.inorm(x)"),
    remembered("a softmax module along tokens", "self.soft = nn.Softmax(dim=1)", "x = x * self.soft(x)"),
    remembered("a norm of two axes", "self.ln = nn.LayerNorm((4, 64))", "x = self.ln(x)"),
    remembered("an attention module", "self.att = nn.MultiheadAttention(64, 2)", "x, _ = self.att(x, x, x)"),
    remembered(
        "a sequence of modules", "self.seq = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))", "x = self.seq(x)"
    ),
    remembered("a place of a token kept", "self.last = None", "self.last = x[:, -1:]", "x = x + self.last"),
    normed(
        "a norm whose mean runs over tokens and features",
        "hidden_states = hidden_states - hidden_states.mean((-2, -1), keepdim=True)",
    ),
    Variation(
        "an RMS norm over tokens too", ((".pow(2).mean(-1, keepdim=True)", ".pow(2).mean((-2, -1), keepdim=True)"),)
    ),
    Variation("an RMS norm over tokens alone", ((".pow(2).mean(-1, keepdim=True)", ".pow(2).mean(1, keepdim=True)"),)),
    Variation("an RMS norm over everything", ((".pow(2).mean(-1, keepdim=True)", ".pow(2).mean()"),)),
    added("the mean of a layer's tokens", "hidden_states = hidden_states + hidden_states.mean(1, keepdim=True)"),
    added("a layer's shift of tokens", "hidden_states = hidden_states + torch.roll(hidden_states, 1, dims=1)"),
    layered("the model's mean over tokens", "hidden_states = hidden_states - hidden_states.mean(dim=1, keepdim=True)"),
    layered("the last token of the model", "hidden_states = hidden_states[:, -1:, :]"),
    layered("the last token of the model, repeated", "hidden_states = hidden_states + hidden_states[:, -1:, :]"),
    projected("the mean of an attention's output", "attn_output = attn_output + attn_output.mean(1, keepdim=True)"),
    projected("an output whose tokens are turned", "attn_output = attn_output.flip(dims=(1,))"),
    Variation(
        "heads and tokens not exchanged back",
        (
            (
                "    attn_output = attn_output.transpose(1, 2).contiguous()\n",
                "    attn_output = attn_output.contiguous()\n",
            ),
        ),
    ),
    Variation(
        "queries whose heads lie where tokens lie",
        (
            (
                "        query_states = self.q_proj(hidden_states).view(hidden_shape).transpose(1, 2)\n",
                "        query_states = self.q_proj(hidden_states).view(*input_shape[:1], -1, input_shape[1], self.head_dim)\n",
            ),
        ),
    ),
    Variation(
        "queries repeated along tokens",
        (
            (
                "        cos, sin = position_embeddings\n",
                "        cos, sin = position_embeddings\n        query_states = query_states.cumsum(2)\n",
            ),
        ),
    ),
    Variation(
        "cosines of the first token",
        (
            (
                "        cos, sin = position_embeddings\n",
                "        cos, sin = position_embeddings\n        cos = cos[:, :1]\n",
            ),
        ),
    ),
    Variation(
        "positions counted from the first",
        (
            (
                "        cos, sin = position_embeddings\n",
                "        cos, sin = position_embeddings\n        query_states = query_states * (kwargs['position_ids'] - kwargs['position_ids'][:, :1])[:, None, :, None]\n",
            ),
        ),
    ),
    Variation(
        "the largest position in arithmetic",
        (
            (
                "        hidden_states = inputs_embeds\n        position_embeddings",
                "        hidden_states = inputs_embeds * position_ids.amax(dim=1, keepdim=True)[..., None]\n        position_embeddings",
            ),
        ),
    ),
    Variation(
        "the place of the largest position in arithmetic",
        (
            (
                "        hidden_states = inputs_embeds\n        position_embeddings",
                "        hidden_states = inputs_embeds * position_ids.argmax(1, keepdim=True)[..., None]\n        position_embeddings",
            ),
        ),
    ),
)
VARIATIONS = (*PLACES, *COUNTS, *BRANCHES, *MIXED)
