"""Layouts that Python accepts: what is generated means the same, whatever the file looks like."""

from __future__ import annotations

import re

from tests.variations.blueprint import (
    EMBEDDED,
    MASKED,
    MLP_RETURN,
    SCORES,
    UPDATED,
    instead,
)
from tests.variations.variation import Variation, equal


def _indented_by(indent: str, text: str) -> str:
    return re.sub(r"^(?:    )+", lambda found: indent * (len(found[0]) // 4), text, flags=re.MULTILINE)


def two_spaces(text: str) -> str:
    """The file, indented by two spaces."""
    return _indented_by("  ", text)


def tabs(text: str) -> str:
    """The file, indented by tabs."""
    return _indented_by("\t", text)


def one_class_by_two(text: str) -> str:
    """The feed-forward indented by two spaces, all else by four."""
    start, end = text.index("class BlueprintMLP("), text.index("def rotate_half(")
    return text[:start] + two_spaces(text[start:end]) + text[end:]


def one_function_by_two(text: str) -> str:
    """The attention function indented by two spaces, all else by four."""
    start, end = text.index("def eager_attention_forward("), text.index("class BlueprintAttention(")
    return text[:start] + two_spaces(text[start:end]) + text[end:]


def windows_lines(text: str) -> str:
    """The file with the line ends of Windows."""
    return text.replace("\n", "\r\n")


def form_feeds(text: str) -> str:
    """A form feed before every class."""
    return text.replace("\nclass ", "\n\f\nclass ")


VARIATIONS: tuple[Variation, ...] = (
    equal("two spaces", two_spaces),
    equal("tabs", tabs),
    equal("one class by two spaces", one_class_by_two),
    equal("one function by two spaces", one_function_by_two),
    equal("line ends of Windows", windows_lines),
    equal("form feeds", form_feeds),
    equal(
        "the update after a semicolon",
        instead(
            UPDATED,
            "pass; key_states, value_states = cache.update(key_states, value_states, self.layer_idx)",
        ),
    ),
    equal(
        "a condition and its statement on a line",
        instead(MASKED, "if attention_mask is not None: attn_weights = attn_weights + attention_mask"),
    ),
    equal(
        "a condition continued by a backslash",
        (
            EMBEDDED,
            EMBEDDED
            + "        if inputs_embeds is None and \\\n           input_ids is None:\n            raise ValueError\n",
        ),
    ),
    equal(
        "a function on a line",
        (
            "    def forward(self, x):\n" + MLP_RETURN,
            "    def forward(self, x): return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n",
        ),
    ),
    equal(
        "letters beyond ASCII before code",
        instead(
            SCORES, 'note = "größe · 大きさ"; attn_weights = torch.matmul(query, key_states.transpose(2, 3)) * scaling'
        ),
    ),
    equal(
        "a block of a tab",
        (
            "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n",
            "        if use_cache and cache is None:\n        \tcache = DynamicCache(config=self.config)\n",
        ),
    ),
    equal(
        "a form feed in front of a statement",
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "    \x0c        attn_output = self.o_proj(attn_output)\n",
        ),
    ),
    equal(
        "a line separator in a comment",
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        # out\u2028 of\x85 it\n        attn_output = self.o_proj(attn_output)\n",
        ),
    ),
    equal(
        "a class that is indented by three",
        (
            "        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n",
            "           return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n",
        ),
    ),
    equal(
        "statements behind a header",
        (
            "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n",
            "        if use_cache and cache is None: pass; cache = DynamicCache(config=self.config)\n",
        ),
    ),
)
