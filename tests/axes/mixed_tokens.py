"""Tokens and rows that meet outside of attention."""

from __future__ import annotations

from tests.axes.variation import Variation, fed, layered, projected, remembered

MIXED = (
    fed("the largest of everything", "x = x / x.abs().max()"),
    fed("the deviation over tokens", "x = x / torch.std(x, dim=1, keepdim=True)"),
    fed("the norm of a row", "x = x / torch.norm(x, dim=(-2, -1), keepdim=True)"),
    fed("a softmax over tokens", "x = x * x.softmax(dim=1)"),
    fed("the sum so far", "x = x + x.cumsum(dim=1)"),
    fed("the largest so far", "x = x.cummax(dim=1).values"),
    fed("tokens turned around", "x = x + torch.flip(x, [1])"),
    fed("tokens rolled", "x = x + torch.roll(x, 1, 1)"),
    fed("tokens shifted by slices", "x = x + torch.cat((x[:, :1], x[:, 1:] - x[:, :-1]), dim=1)"),
    fed("tokens shifted by a pad", "x = x + nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]"),
    fed("the last token added", "x = x + x[:, -1:]"),
    fed("a part of the tokens by narrow", "x = x + x.narrow(1, 0, 1)"),
    fed("tokens written over", "x = x.clone()", "x[:, 0] = 0"),
    fed("tokens by values", "x = torch.gather(x, 1, x.argsort(dim=-1))"),
    fed("tokens sorted", "x = x.sort(dim=1).values"),
    fed("the best tokens", "x = x + x.topk(1, dim=1).values"),
    fed("tokens times tokens by einsum", 'x = torch.einsum("bsd,btd,bte->bse", x, x, x)'),
    fed("tokens summed by einsum", 'x = x + torch.einsum("bsd->bd", x)[:, None]'),
    fed("pairs of tokens by broadcast", "x = (x[:, :, None] * x[:, None]).sum(2)"),
    fed("a norm over tokens and features", "x = nn.functional.layer_norm(x, x.shape[-2:])"),
    fed(
        "a norm over groups of rows",
        "x = nn.functional.batch_norm(x.transpose(1, 2), None, None, training=True).transpose(1, 2)",
    ),
    fed("the mean over rows", "x = x - x.mean(dim=0, keepdim=True)"),
    fed("the first row", "x = x + x[:1]"),
    fed("windows of tokens", "x = x + x.unfold(1, 1, 1).squeeze(-1)"),
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
    fed("a function inside", "def f(t):", "    return t.cumsum(1)", "x = f(x)"),
    fed("a mean by a product with ones", "x = x + torch.ones(1, x.shape[1]) @ x"),
    fed("how many tokens are positive", "x = x / (x > 0).sum(dim=1, keepdim=True)"),
    fed("a dtype's `index_select`", "x = x + x.index_select(1, torch.zeros(1, dtype=torch.long))"),
    fed("`index_add` over tokens", "x = x.index_add(1, torch.zeros(1, dtype=torch.long), x[:, :1])"),
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
        "a linear layer along tokens",
        "self.mixer = nn.Linear(8, 8)",
        "x = self.mixer(x.transpose(1, 2)).transpose(1, 2)",
    ),
    remembered("a softmax module along tokens", "self.soft = nn.Softmax(dim=1)", "x = x * self.soft(x)"),
    remembered("a norm of two axes", "self.ln = nn.LayerNorm((4, 64))", "x = self.ln(x)"),
    Variation(
        "an RMS norm over tokens too", ((".pow(2).mean(-1, keepdim=True)", ".pow(2).mean((-2, -1), keepdim=True)"),)
    ),
    layered("the model's mean over tokens", "hidden_states = hidden_states - hidden_states.mean(dim=1, keepdim=True)"),
    layered("the last token of the model", "hidden_states = hidden_states[:, -1:, :]"),
    projected("the mean of an attention's output", "attn_output = attn_output + attn_output.mean(1, keepdim=True)"),
)
