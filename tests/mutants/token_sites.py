"""Where a function holds a tensor with an axis of tokens or keys, and which axis that is."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass

from tests.mutants.edits import Edit, FunctionNode, Text, simple_statements

# The axes of tokens, and of keys, in tensors as modeling files mostly name them. Where a name stands for something
# else, a trap mixes heads or features, which is to be followed.
_AXES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("hidden_states", "hidden_state", "inputs_embeds", "residual", "x", "logits", "attn_output"), (1, -2)
    ),
    **dict.fromkeys(("query_states", "key_states", "value_states", "query", "key", "value"), (2, -2)),
    **dict.fromkeys(("query_layer", "key_layer", "value_layer", "q", "k", "v"), (2, -2)),
    **dict.fromkeys(("attn_weights", "attention_scores", "attention_probs"), (2, 3, -1)),
    **dict.fromkeys(("g", "beta", "dt", "time_step", "gate", "z", "B", "C"), (1,)),
    **dict.fromkeys(("mixed_qkv", "hidden_states_B_C", "BCx", "projected_states", "scan_output"), (1, 2)),
}


@dataclass(frozen=True)
class TokenSite:
    """A place after which a tensor can be changed.

    Attributes:
        name: the tensor's.
        axis: one of its axes, of tokens or of keys.
        statement: what makes it; None for a parameter, which the function begins with.
    """

    name: str
    axis: int
    statement: ast.stmt | None

    def taken(self, index: str) -> str:
        """The tensor indexed along its axis."""
        around = f"..., {index}" + ", :" * (-1 - self.axis) if self.axis < 0 else ":, " * self.axis + index
        return f"{self.name}[{around}]"

    @property
    def length(self) -> str:
        """How many tokens or keys it has."""
        return f"{self.name}.shape[{self.axis}]"

    @property
    def is_last(self) -> bool:
        """Whether the axis is the last one, as that of keys is in scores; otherwise features follow it."""
        return self.axis in (-1, 3)

    @property
    def aligned(self) -> str:
        """The index that puts a row of numbers along the axis."""
        return "" if self.is_last else "[:, None]"

    def changed(self, text: Text, function: FunctionNode, *lines: str) -> list[Edit]:
        """Lines below the place."""
        if self.statement is not None:
            indent = " " * self.statement.col_offset
            return [text.after(self.statement, f"\n{indent}".join(lines))]
        first = next(node for node in function.body if not _is_docstring(node))
        if first.lineno == function.lineno:
            return []
        return [text.before(first, "\n".join(lines))]


def token_site(function: FunctionNode, rng: random.Random) -> TokenSite | None:
    """One of the function's places, if it has any."""
    places: list[tuple[str, ast.stmt | None]] = [
        (argument.arg, None) for argument in function.args.args if argument.arg in _AXES
    ]
    for made in simple_statements(function):
        if not isinstance(made, ast.Return):
            stored = (node for node in ast.walk(made) if isinstance(node, ast.Name))
            places += [(node.id, made) for node in stored if isinstance(node.ctx, ast.Store) and node.id in _AXES]
    # A rotary embedding asks `x` for its type alone.
    if not places or {"x", "position_ids"} <= {argument.arg for argument in function.args.args}:
        return None
    name, statement = rng.choice(places)
    return TokenSite(name, rng.choice(_AXES[name]), statement)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
