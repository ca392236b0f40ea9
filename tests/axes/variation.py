"""Blueprint's file with a line or two changed, so that tokens meet outside of attention or their number decides."""

from __future__ import annotations

from dataclasses import replace

from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.variations.variation import Variation, refused

# Where something is put in, and the line that follows it.
FED = "        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n"
SCORED = "    attn_weights = nn.functional.softmax(attn_weights, dim=-1"
SCORES = "    attn_weights = torch.matmul(query, key_states.transpose(2, 3)) * scaling\n"
WEIGHED = "    attn_output = torch.matmul(attn_weights, value_states)\n"
ATTENDING = "        attention_interface: Callable = ALL"
PROJECTED = "        attn_output = self.o_proj(attn_output)\n"
LAYERED = "        hidden_states = self.norm(hidden_states)\n        return Base"
EMBEDDED = "        hidden_states = inputs_embeds\n        position_embeddings"
ROTATED = "        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin)\n"
FIRST_CLASS = "class BlueprintRMSNorm(nn.Module):\n"
MADE = "        self.act_fn = ACT2FN[config.hidden_act]\n"


# Places in what is not generated but stays upstream's.
STAYING = frozenset({FED, MADE, FIRST_CLASS})


def stays(variation: Variation) -> bool:
    """Whether no function that is generated is another one, so that only checks have to run again."""
    return all(not callable(change) and change[0] in STAYING for change in variation.changes)


def model(variation: Variation) -> UpstreamModel:
    """The changed file."""
    example = find_model("blueprint")
    return replace(example, source=variation.of(example.source))


def before(name: str, following: str, *lines: str) -> Variation:
    """Lines put in before others, as far indented as those."""
    indent = following[: len(following) - len(following.lstrip())]
    return refused(name, (following, "".join(f"{indent}{line}\n" for line in lines) + following))


def fed(name: str, *lines: str) -> Variation:
    """The MLP's forward with lines before it that change `x`."""
    return before(name, FED, *lines)


def attending(name: str, *lines: str) -> Variation:
    """Lines before the attention function is chosen: keys and values are the cache's."""
    return before(name, ATTENDING, *lines)


def scored(name: str, *lines: str) -> Variation:
    """Lines between the mask and the softmax."""
    return before(name, SCORED, *lines)


def weighed(name: str, *lines: str) -> Variation:
    """Lines between the softmax and the product with values."""
    return before(name, WEIGHED, *lines)


def layered(name: str, *lines: str) -> Variation:
    """Lines of the model after its layers."""
    return before(name, LAYERED, *lines)


def projected(name: str, *lines: str) -> Variation:
    """Lines of the attention before its output is projected."""
    return before(name, PROJECTED, *lines)


def softmax_replaced(name: str, expression: str) -> Variation:
    """Other weights than a softmax of the scores."""
    whole = SCORED + ", dtype=torch.float32).to(query.dtype)\n"
    return refused(name, (whole, f"    attn_weights = {expression}\n"))


def remembered(name: str, made: str, *lines: str) -> Variation:
    """Something that the MLP makes in its `__init__`, and lines of its forward that use it."""
    own = before(name, FED, *lines)
    return refused(name, (MADE, f"{MADE}        {made}\n"), *own.changes)


def defined(name: str, text: str, *changes: tuple[str, str]) -> Variation:
    """What the file has before its first class, and what uses it."""
    return refused(name, (FIRST_CLASS, f"{text}\n\n\n{FIRST_CLASS}"), *changes)


def rotated(name: str, *lines: str) -> Variation:
    """Lines of the attention before queries and keys are rotated."""
    return before(name, ROTATED, *lines)


def embedded(name: str, *lines: str) -> Variation:
    """Lines of the model before its layers."""
    return before(name, EMBEDDED, *lines)
