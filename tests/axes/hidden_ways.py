"""The same by ways that are harder to see: other names, places, functions and forms of a count."""

from __future__ import annotations

from tests.axes.variation import WEIGHED, before, embedded, fed, rotated, scored, weighed
from tests.variations.variation import refused

HIDDEN = (
    rotated("queries cumulated along tokens", "query_states = query_states.cumsum(2)"),
    rotated("cosines of the first token", "cos = cos[:, :1]"),
    rotated(
        "positions counted from the first",
        "position_ids = kwargs['position_ids']",
        "query_states = query_states * (position_ids - position_ids[:, :1])[:, None, :, None]",
    ),
    rotated(
        "queries whose heads lie where tokens lie",
        "shape = (*input_shape[:1], -1, input_shape[1], self.head_dim)",
        "query_states = self.q_proj(hidden_states).view(shape)",
    ),
    embedded(
        "the largest position in arithmetic",
        "inputs_embeds = inputs_embeds * position_ids.amax(dim=1, keepdim=True)[..., None]",
    ),
    embedded(
        "the place of the largest position in arithmetic",
        "inputs_embeds = inputs_embeds * position_ids.argmax(1, keepdim=True)[..., None]",
    ),
    refused(
        "heads and tokens not exchanged back",
        (".transpose(1, 2).contiguous()\n\n    return", ".contiguous()\n\n    return"),
    ),
    # What others change, or what they hold under another name.
    before(
        "a dictionary filled elsewhere",
        WEIGHED,
        "kept = {}",
        "kept['x'] = value_states.sum(2, keepdim=True)",
        "attn_weights = attn_weights + kept['x'].mean()",
    ),
    weighed("weights under another name, changed in place", "same = attn_weights", "same += 0.01"),
    weighed("weights changed in place", "attn_weights.add_(0.01)"),
    weighed("weights of which a part is written", "attn_weights[..., 0] = 1"),
    scored("masked scores changed in place", "attn_weights.mul_(0.001)"),
    scored("masked scores made small", "attn_weights = attn_weights * 0.00001"),
    scored("masked scores capped", "attn_weights = 50 * torch.tanh(attn_weights / 50)"),
    scored("masked scores of which a part is written", "attn_weights[..., :1] = 0"),
    scored("a bias after the mask", "attn_weights = attn_weights + torch.arange(attn_weights.shape[-1])"),
    fed("a table handed to a lambda", "kept = {'x': x}", "x = (lambda held: held['x'].mean(1, keepdim=True))(kept)"),
    fed("tokens summed by a loop over places", "for i in range(4):", "    x = x + x[:, i : i + 1]"),
    fed("tokens by a slice of a name", "first = slice(0, 1)", "x = x + x[:, first]"),
    fed("tokens by a mask", "x = x[x > 0]"),
    fed("a reduction by a name", "along = 1", "x = x + x.mean(along, keepdim=True)"),
    fed("a function by its name", "x = x + getattr(torch, 'mean')(x, 1, keepdim=True)"),
    fed("a function of another package", "x = torch.vmap(lambda t: t - t.mean())(x)"),
    fed("a gradient hook", "x = torch.utils.checkpoint.checkpoint(lambda t: t.cumsum(1), x)"),
    fed("a count by unpacking with a star", "_, *rest = x.shape", "x = x * rest[0]"),
    fed("a count by a format", "x = x * float(f'{x.shape[1]}')"),
    fed("a count by a dictionary", "x = x * {'n': x.shape[1]}['n']"),
    fed("a count by a sum of a shape", "x = x * sum(x.shape)"),
    fed("a count by a tensor's stride", "x = x * x.stride(0)"),
    fed("a count by `shape_as_tensor`", "x = x * torch._shape_as_tensor(x)[1]"),
    fed("a count by what was made of it", "x = x * len(torch.zeros(x.shape[1]))"),
    fed("a count by a sum of ones", "x = x * torch.ones(x.shape[1]).sum()"),
    fed("a count by a sum of ones of its like", "x = x * torch.ones_like(x[..., 0]).sum(1)[:, None, None]"),
    fed("a count by a list's length", "x = x * len([0] * x.shape[1])"),
    fed("a count divided", "x = x * (x.shape[1] // 2)"),
    fed("a count compared in a `where`", "x = torch.where(torch.tensor(x.shape[1] == 1), x, x * 2)"),
    fed("a branch in a comprehension", "x = [x * 2 for _ in range(1) if x.shape[1] == 1] or x"),
    fed("a branch that catches", "try:", "    x = x.mean(1, keepdim=True)", "except RuntimeError:", "    pass"),
    fed("a count kept in a check", "if (n := x.shape[1]) > 4096:", "    raise ValueError(n)", "x = x * (n - 1)"),
    fed("a count kept in an assertion", "assert (n := x.shape[1])", "x = x * (n - 1)"),
    fed("a count kept by `with`", "with x.shape[1] as n:", "    x = x * n"),
    fed("a mean by an annotated name", "m: torch.Tensor = x.mean(1, keepdim=True)", "x = x - m"),
    fed("a mean in an argument's default", "f = lambda t=x.mean(1, keepdim=True): t", "x = x - f()"),
    fed("a mean written into a part", "x = x.clone()", "x[..., :1] = x.mean(1, keepdim=True)[..., :1]"),
    fed("a mean that is only added in place", "x = x.clone()", "x += x.mean(1, keepdim=True)"),
    fed("a mean written out by `out`", "torch.mean(x, 1, keepdim=True, out=x)"),
    fed("a mean by a walrus", "x = x - (m := x.mean(1, keepdim=True)) + m * 0"),
    fed("a mean by an alias of a method", "mean = x.mean", "x = x - mean(1, keepdim=True)"),
    fed("a mean by keywords in a table", "how = {'dim': 1, 'keepdim': True}", "x = x - x.mean(**how)"),
    fed(
        "a mean by a reduction of Python",
        "import functools",
        "x = x - functools.reduce(torch.add, x.unbind(1))[:, None]",
    ),
)
