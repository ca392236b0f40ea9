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
ROTATED = "        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin)\n"
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


def rotated(name: str, *lines: str) -> Variation:
    """Lines of the attention before queries and keys are rotated."""
    return before(name, ROTATED, *lines)


def embedded(name: str, *lines: str) -> Variation:
    """Lines of the model before its layers."""
    return before(name, EMBEDDED, *lines)
