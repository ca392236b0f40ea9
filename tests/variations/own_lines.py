"""An attention that computes its scores in its own lines, where the mask has other names."""

from __future__ import annotations

from tests.variations.blueprint import INTERFACE
from tests.variations.variation import Change, Variation, either, equal, refused

MASKED = "        if attention_mask is not None:\n            scores = scores + attention_mask\n"
SOFTENED = "        attn_weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query_states.dtype)\n"
SUMMED = "        attn_output = torch.matmul(attn_weights, value_states).transpose(1, 2)\n"
SCORED = "        scores = torch.matmul(query_states, key_states.transpose(2, 3)) * self.scaling\n"
OWN_LINES = (
    "        key_states = repeat_kv(key_states, self.num_key_value_groups)\n"
    "        value_states = repeat_kv(value_states, self.num_key_value_groups)\n"
    f"{SCORED}{MASKED}{SOFTENED}{SUMMED}\n"
)


def in_own_lines(text: str) -> str:
    """The attention without an attention function."""
    end = "        attn_output = attn_output.reshape(*input_shape, -1).contiguous()\n"
    start = text.index(INTERFACE)
    return text[:start] + OWN_LINES + text[text.index(end, start) :]


def _mask(*lines: str) -> Change:
    return MASKED, "".join(f"        {line}\n" for line in lines)


_ADDED = "scores = scores + mask"

VARIATIONS: tuple[Variation, ...] = (
    equal("own lines", in_own_lines),
    either("own lines: an annotated mask", in_own_lines, _mask("mask: torch.Tensor | None = attention_mask", _ADDED)),
    either(
        "own lines: an annotated mask, asked for",
        in_own_lines,
        _mask("mask: torch.Tensor | None = attention_mask", "if mask is not None:", f"    {_ADDED}"),
    ),
    either(
        "own lines: a mask by a walrus",
        in_own_lines,
        _mask("if (mask := attention_mask) is not None:", f"    {_ADDED}"),
    ),
    either("own lines: a mask by a loop", in_own_lines, _mask("for mask in (attention_mask,):", f"    {_ADDED}")),
    either(
        "own lines: a mask in a dictionary",
        in_own_lines,
        _mask("masks = dict(causal=attention_mask)", 'scores = scores + masks["causal"]'),
    ),
    either(
        "own lines: a mask sliced, annotated",
        in_own_lines,
        _mask("mask: torch.Tensor = attention_mask[:, :, :, : key_states.shape[-2]]", _ADDED),
    ),
    either(
        "own lines: a mask by a conditional expression, annotated",
        in_own_lines,
        _mask("mask: object = attention_mask if attention_mask is not None else 0", _ADDED),
    ),
    either(
        "own lines: a mask by an inner function",
        in_own_lines,
        _mask("def masked(scores):", "    return scores + attention_mask", "", "scores = masked(scores)"),
    ),
    either("own lines: a mask in place", in_own_lines, _mask("scores += attention_mask")),
    either(
        "own lines: a mask in the softmax",
        in_own_lines,
        _mask("mask: torch.Tensor = attention_mask"),
        (SOFTENED, SOFTENED.replace("(scores,", "(scores + mask,")),
    ),
    either(
        "own lines: a mask compared",
        in_own_lines,
        _mask("hidden: torch.Tensor = attention_mask < -1", "scores = scores.masked_fill(hidden, -1e9)"),
    ),
    either(
        "own lines: the mask after its cap",
        in_own_lines,
        (MASKED, MASKED + "        scores = torch.tanh(scores / 5) * 5\n"),
    ),
    either(
        "own lines: scores negated after the mask", in_own_lines, (SOFTENED, SOFTENED.replace("(scores,", "(-scores,"))
    ),
    refused(
        "own lines: scores over the number of keys",
        in_own_lines,
        (SCORED, SCORED.replace("self.scaling", "key_states.shape[-2] ** -0.5")),
    ),
    refused(
        "own lines: a single token's scores",
        in_own_lines,
        (SCORED, SCORED + "        if query_states.shape[-2] == 1:\n            scores = scores * 1.5\n"),
    ),
)
