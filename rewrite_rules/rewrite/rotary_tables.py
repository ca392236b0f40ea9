"""Compute the rotation of every position once, and gather it by `position_ids`.

`__init__` never runs on a QEff class, so the tables are made in `__qeff_init__`, by upstream's own forward: whatever
its arithmetic and its scaling, the rows are upstream's. Upstream's decorator for dynamic RoPE looks at the longest
position of a call. For `longrope` that choice stays, between two stretches of the table; the others do not change
within `max_position_embeddings`, which is as far as the table goes.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.errors import Refusal

ALL_POSITIONS = """
    position_ids = torch.arange(self.config.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
    cos, sin = super().forward(self.inv_freq, position_ids)
"""
SHORT_ROWS = """
    if self.rope_type == "longrope":
        # Calls that end below the original context take the short factors; their rows follow the long ones.
        self.long_from = self.config.rope_parameters["original_max_position_embeddings"]
        short_cos, short_sin = super().forward(self.inv_freq, position_ids[:, : self.long_from])
        cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
"""
KEEP_TABLES = """
    self.register_buffer("cos_cached", cos.squeeze(0), persistent=False)
    self.register_buffer("sin_cached", sin.squeeze(0), persistent=False)
"""
CHOOSE_ROWS = """
    if self.rope_type == "longrope":
        is_short = position_ids.amax(dim=1, keepdim=True) < self.long_from
        position_ids = torch.where(is_short, position_ids + self.config.max_position_embeddings, position_ids)
"""
GATHER = """
    return self.cos_cached[position_ids].to(dtype=x.dtype), self.sin_cached[position_ids].to(dtype=x.dtype)
"""
DYNAMIC = "dynamic_rope_update"


class RotaryTables(Rule):
    why = "cos and sin are computed once for the whole context and gathered by position: two tables in the graph."
    roles = (Role.ROTARY_EMBEDDING,)
    construct = "`forward(self, x, position_ids)` that returns cos and sin, row by row, from `self.inv_freq`"

    def apply(self, draft: Draft) -> None:
        for part in draft.anatomy.parts(Role.ROTARY_EMBEDDING):
            self._check(draft, part)
            dynamic = any(DYNAMIC in ast.unparse(item) for item in part.forward.decorator_list)
            first, second = (SHORT_ROWS, CHOOSE_ROWS) if dynamic else ("", "")
            tables = _joined("def __qeff_init__(self):", ALL_POSITIONS, first, KEEP_TABLES)
            draft.add_method(part.name, tables, self.id)
            draft.add_method(part.name, _joined("def forward(self, x, position_ids):", second, GATHER), self.id)
        draft.matches[self.id] = len(draft.anatomy.parts(Role.ROTARY_EMBEDDING))

    def _check(self, draft: Draft, part: Part) -> None:
        """Refuse a rotation that depends on more than each position by itself."""
        forward = part.forward
        problem = ""
        if parameters(forward) != ("x", "position_ids"):
            problem = "takes other arguments than `x` and `position_ids`"
        elif not _returns_pair(forward):
            problem = "does not return cos and sin"
        elif {ast.unparse(item) for item in forward.decorator_list} - {"torch.no_grad()", DYNAMIC}:
            problem = "wears a decorator that may hide behaviour"
        elif (use := _other_use(forward)) is not None:
            problem = f"depends on more than each position: `{use}`"
        if problem:
            raise Refusal(
                f"`{part.name}.forward` {problem}",
                rule=self.id,
                location=draft.anatomy.file.location(forward.lineno),
                expected=self.construct,
                next_step=self.next_step,
            )


def _joined(header: str, *pieces: str) -> str:
    return header + "\n" + "".join(piece.lstrip("\n") for piece in pieces)


def _returns_pair(forward: ast.FunctionDef) -> bool:
    last = forward.body[-1]
    return isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple) and len(last.value.elts) == 2


def _other_use(forward: ast.FunctionDef) -> str | None:
    """A use of `x` other than its device and dtype, or of positions other than each by itself."""
    positions = {"position_ids", "position_ids_expanded"}
    for node in ast.walk(forward):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "x" and node.attr not in ("device", "dtype"):
                return ast.unparse(node)
            if node.value.id in positions and node.attr not in ("float", "shape", "to", "device"):
                return ast.unparse(node)
        elif isinstance(node, ast.Call) and any(
            isinstance(item, ast.Name) and item.id in {"x", *positions} for item in node.args
        ):
            return ast.unparse(node)
    return None
