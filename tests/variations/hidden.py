"""Tokens mixed, counted or decided by where it is hard to see: other spellings, torch's modules, methods, hooks."""

from __future__ import annotations

from tests.variations.blueprint import (
    ATTENTION_PARTS,
    FEED_FORWARD,
    FIRST_CLASS,
    LAYER_BEGIN,
    LAYER_END,
    LAYER_PARTS,
    MLP_PARTS,
    MLP_RETURN,
    REPEATED_VALUES,
    ROTATED,
    SCORES,
    after,
    before,
    instead,
)
from tests.variations.variation import Change, Variation, either, equal, refused

_MLP = "self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))"


def _mixed(expression: str) -> Change:
    return after(FEED_FORWARD, f"hidden_states = hidden_states + 0.1 * ({expression})")


def _class(*lines: str) -> Change:
    return before(FIRST_CLASS, *lines, "", "")


VARIATIONS: tuple[Variation, ...] = (
    refused("a mean whose axis has another keyword", _mixed("hidden_states.mean(axis=1, keepdims=True)")),
    refused(
        "a mean over an axis that was computed",
        _mixed("hidden_states.mean(len(hidden_states.shape) - 2, keepdim=True)"),
    ),
    refused("a mean whose arguments are a tuple", _mixed("hidden_states.mean(*(1, True))")),
    refused("a mean by its name", _mixed('getattr(hidden_states, "mean")(1, True)')),
    refused("a mean after the axes were exchanged", _mixed("hidden_states.transpose(1, 2).mean(-1).unsqueeze(1)")),
    refused(
        "tokens in the place of rows",
        _mixed("hidden_states.flatten(0, 1).view(hidden_states.shape[1], -1, hidden_states.shape[2]).transpose(0, 1)"),
    ),
    refused(
        "a Fourier transform over tokens",
        _mixed("torch.fft.fft(torch.fft.fft(hidden_states, dim=-1), dim=-2).real / 8"),
    ),
    refused(
        "attention beside the attention",
        _mixed(
            "nn.functional.scaled_dot_product_attention(hidden_states, hidden_states, hidden_states, is_causal=True)"
        ),
    ),
    refused(
        "torch's own attention beside the attention",
        after(LAYER_PARTS, "self.other = nn.MultiheadAttention(config.hidden_size, 4, batch_first=True)"),
        _mixed("self.other(hidden_states, hidden_states, hidden_states)[0]"),
    ),
    refused(
        "a recurrent layer over tokens",
        after(LAYER_PARTS, "self.recurrent = nn.GRU(config.hidden_size, config.hidden_size, batch_first=True)"),
        _mixed("self.recurrent(hidden_states)[0]"),
    ),
    refused(
        "a sequence of modules with a convolution over tokens",
        after(
            LAYER_PARTS,
            "width = config.hidden_size",
            "self.mixed = nn.Sequential(nn.Conv1d(width, width, 3, padding=1), nn.SiLU())",
        ),
        _mixed("self.mixed(hidden_states.transpose(1, 2)).transpose(1, 2)"),
    ),
    refused(
        "a method that mixes",
        after(LAYER_BEGIN, "hidden_states = self._mixed(hidden_states)"),
        (
            "@auto_docstring\nclass BlueprintPreTrainedModel(",
            "    def _mixed(self, states):\n        return states + states.mean(1, keepdim=True)\n\n\n"
            "@auto_docstring\nclass BlueprintPreTrainedModel(",
        ),
    ),
    refused(
        "an activation of the file's own that mixes",
        _class(
            "class Gate(nn.Module):",
            "    def forward(self, x):",
            "        return x * torch.sigmoid(x.mean(1, keepdim=True))",
        ),
        instead(MLP_PARTS, "self.act_fn = Gate()"),
    ),
    refused(
        "a linear layer of the file's own that mixes",
        _class(
            "class Centred(nn.Linear):",
            "    def forward(self, x):",
            "        return super().forward(x - x.mean(1, keepdim=True))",
        ),
        (
            "        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)\n",
            "        self.up_proj = Centred(config.hidden_size, config.intermediate_size, bias=False)\n",
        ),
    ),
    refused(
        "a helper that mixes",
        _class("def centred(x, axis):", "    return x - x.mean(axis, keepdim=True)"),
        instead(MLP_RETURN, "x = centred(x, 1)", f"return {_MLP}"),
    ),
    equal(
        "a helper that normalises features",
        _class("def centred(x, axis):", "    return x - x.mean(axis, keepdim=True)"),
        instead(MLP_RETURN, "x = centred(x, -1)", f"return {_MLP}"),
    ),
    refused(
        "a hook that mixes",
        after(LAYER_PARTS, "self.mlp.register_forward_hook(lambda _, given, made: made + made.mean(1, keepdim=True))"),
    ),
    refused(
        "an axis kept on the module",
        after(MLP_PARTS, "self.axis = 1"),
        instead(MLP_RETURN, "x = x - x.mean(self.axis, keepdim=True)", f"return {_MLP}"),
    ),
    refused(
        "values that a number of tokens spreads",
        after(
            FEED_FORWARD,
            "spread = torch.linspace(1, 2, hidden_states.shape[1])",
            "hidden_states = hidden_states * spread[:, None]",
        ),
    ),
    refused(
        "places counted from the end",
        after(
            FEED_FORWARD,
            "places = torch.arange(hidden_states.shape[1], 0, -1)",
            "hidden_states = hidden_states / places[:, None]",
        ),
    ),
    refused(
        "a length that is a loop's end",
        after(FEED_FORWARD, "for place in range(hidden_states.shape[1]):", "    hidden_states = hidden_states * 1.01"),
    ),
    refused(
        "a length matched",
        after(
            ROTATED,
            "match query_states.shape[2]:",
            "    case 1:",
            "        query_states = query_states * 1.5",
            "    case _:",
            "        pass",
        ),
    ),
    refused(
        "a length looked up", after(ROTATED, "query_states = query_states * {1: 1.5}.get(query_states.shape[2], 1.0)")
    ),
    refused(
        "a length in `and`",
        after(ROTATED, "query_states = query_states * (query_states.shape[2] == 1 and 1.5 or 1.0)"),
    ),
    refused(
        "two shapes compared", before(REPEATED_VALUES, "if query.shape[2] == key.shape[2]:", "    query = query * 1.5")
    ),
    equal("tracing asked for", after(ROTATED, "if torch.jit.is_tracing():", "    query_states = query_states * 1.5")),
    either(
        "compiling asked for",
        after(ROTATED, "if torch.compiler.is_compiling():", "    query_states = query_states * 1.5"),
    ),
    refused(
        "a diagonal by lengths",
        after(
            SCORES,
            "ahead = torch.ones(query.shape[2], key.shape[2]).tril(key.shape[2] - query.shape[2] - 2)",
            "attn_weights = attn_weights + ahead",
        ),
    ),
    refused(
        "an attention's state kept on the module",
        after(ATTENTION_PARTS, "self.seen = None"),
        after(
            ROTATED,
            "before = self.seen",
            "self.seen = value_states[:, :, -1:]",
            "if before is not None:",
            "    value_states = value_states + before",
        ),
    ),
    refused(
        "a statistic kept on the module",
        instead(
            LAYER_END,
            "self.greatest = hidden_states.abs().amax()",
            "hidden_states = self.mlp(hidden_states / self.greatest)",
        ),
    ),
)
