"""Compute the rotation of every position once, and gather it by `position_ids`.

`__init__` never runs on a QEff class, so the tables are made in `__qeff_init__`, by upstream's own forward: whatever
its arithmetic and its scaling, the rows are upstream's. Upstream's decorator for dynamic RoPE looks at the longest
position of a call. For `longrope` that choice stays, between two stretches of the table; the others do not change
within `max_position_embeddings`, which is as far as the table goes. The same two stretches serve a forward that makes
the choice itself. A rotary embedding with frequencies of its own for each layer type has a pair of tables for each.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.longest_position import longest_taken, refuses_layer_types
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
        long_from = self.config.rope_parameters["original_max_position_embeddings"]
        short_cos, short_sin = super().forward(self.inv_freq, position_ids[:, :long_from])
        cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
        self.long_from = long_from
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
TABLES_PER_TYPE = """
    position_ids = torch.arange(self.config.max_position_embeddings).unsqueeze(0)
    for layer_type in self.rope_type:
        inv_freq = getattr(self, f"{layer_type}_inv_freq")
        cos, sin = super().forward(inv_freq, position_ids.to(inv_freq.device), layer_type)
"""
SHORT_ROWS_PER_TYPE = """
        if self.rope_type[layer_type] == "longrope":
            # Calls that end below the original context take the short factors; their rows follow the long ones.
            long_from = self.config.rope_parameters[layer_type]["original_max_position_embeddings"]
            short_cos, short_sin = super().forward(inv_freq, position_ids[:, :long_from], layer_type)
            cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
"""
KEEP_TABLES_PER_TYPE = """
        self.register_buffer(f"{layer_type}_cos_cached", cos.squeeze(0), persistent=False)
        self.register_buffer(f"{layer_type}_sin_cached", sin.squeeze(0), persistent=False)
"""
CHOOSE_ROWS_PER_TYPE = """
    if self.rope_type[layer_type] == "longrope":
        long_from = self.config.rope_parameters[layer_type]["original_max_position_embeddings"]
        is_short = position_ids.amax(dim=1, keepdim=True) < long_from
        position_ids = torch.where(is_short, position_ids + self.config.max_position_embeddings, position_ids)
"""
GATHER_PER_TYPE = """
    cos, sin = getattr(self, f"{layer_type}_cos_cached"), getattr(self, f"{layer_type}_sin_cached")
    return cos[position_ids].to(dtype=x.dtype), sin[position_ids].to(dtype=x.dtype)
"""
COMPLEX_TABLE = """
    position_ids = torch.arange(self.config.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
    # Real and imaginary part side by side: ONNX has no complex numbers.
    freqs_cis = torch.view_as_real(super().forward(self.inv_freq, position_ids))
"""
SHORT_COMPLEX_ROWS = """
    if self.rope_type == "longrope":
        # Calls that end below the original context take the short factors; their rows follow the long ones.
        long_from = self.config.rope_parameters["original_max_position_embeddings"]
        short_freqs_cis = torch.view_as_real(super().forward(self.inv_freq, position_ids[:, :long_from]))
        freqs_cis = torch.cat((freqs_cis, short_freqs_cis), dim=1)
        self.long_from = long_from
"""
KEEP_COMPLEX_TABLE = """
    self.register_buffer("freqs_cis_cached", freqs_cis.squeeze(0), persistent=False)
"""
GATHER_COMPLEX = """
    return self.freqs_cis_cached[position_ids]
"""
# Where a release keeps the length of the original context: in the rotation's parameters, or beside them.
ORIGINAL = 'self.config.rope_parameters["original_max_position_embeddings"]'
BESIDE = 'getattr(self.config, "original_max_position_embeddings", self.config.max_position_embeddings)'
DYNAMIC = "dynamic_rope_update"
BY_DECORATOR, BY_FORWARD = 'self.rope_type == "longrope"', 'self.rope_type != "default"'
ARGUMENTS = ("x", "position_ids")
ARGUMENTS_PER_TYPE = ("x", "position_ids", "layer_type")


class RotaryTables(Rule):
    why = "cos and sin are computed once for the whole context and gathered by position: two tables in the graph."
    roles = (Role.ROTARY_EMBEDDING,)
    construct = (
        "`forward(self, x, position_ids)` that returns cos and sin, or their complex number, row by row, from "
        "`self.inv_freq`"
    )

    def apply(self, draft: Draft) -> None:
        for part in draft.anatomy.parts(Role.ROTARY_EMBEDDING):
            self._check(draft, part)
            for method in _methods(part):
                draft.add_method(part.name, method, self.id)
        draft.matches[self.id] = len(draft.anatomy.parts(Role.ROTARY_EMBEDDING))

    def _check(self, draft: Draft, part: Part) -> None:
        """Refuse a rotation that depends on more than each position by itself."""
        forward = part.forward
        problem = ""
        if _arguments(forward) not in (ARGUMENTS, ARGUMENTS_PER_TYPE):
            problem = "takes other arguments than `x`, `position_ids` and at most `layer_type`"
        elif _arguments(forward) == ARGUMENTS_PER_TYPE and not _keeps_frequencies_per_type(part):
            problem = "takes `layer_type` and does not keep `self.<layer type>_inv_freq` for each"
        elif not _returns_pair(forward) and not _returns_complex(forward):
            problem = "does not return cos and sin"
        elif {ast.unparse(item) for item in forward.decorator_list} - {"torch.no_grad()", DYNAMIC}:
            problem = "wears a decorator that may hide behaviour"
        elif (use := _other_use(forward, longest_taken(part.cls))) is not None:
            problem = f"depends on more than each position: `{use}`"
        if problem:
            raise Refusal(
                f"`{part.name}.forward` {problem}",
                rule=self.id,
                location=draft.anatomy.file.location(forward.lineno),
                expected=self.construct,
                next_step=self.next_step,
            )


def _methods(part: Part) -> tuple[str, str]:
    """`__qeff_init__`, which makes the tables, and `forward`, which gathers from them."""
    chooses = longest_taken(part.cls) is not None
    dynamic = chooses or any(DYNAMIC in ast.unparse(item) for item in part.forward.decorator_list)
    if _arguments(part.forward) == ARGUMENTS_PER_TYPE:
        pieces = (TABLES_PER_TYPE, SHORT_ROWS_PER_TYPE if dynamic else "", KEEP_TABLES_PER_TYPE)
        choice, gather = (CHOOSE_ROWS_PER_TYPE if dynamic else ""), GATHER_PER_TYPE
        signature = "def forward(self, x, position_ids, layer_type=None):"
    elif _returns_complex(part.forward):
        pieces = (COMPLEX_TABLE, SHORT_COMPLEX_ROWS if dynamic else "", KEEP_COMPLEX_TABLE)
        choice, gather = (CHOOSE_ROWS if dynamic else ""), GATHER_COMPLEX
        signature = "def forward(self, x, position_ids):"
    else:
        pieces = (ALL_POSITIONS, SHORT_ROWS if dynamic else "", KEEP_TABLES)
        choice, gather = (CHOOSE_ROWS if dynamic else ""), GATHER
        signature = "def forward(self, x, position_ids):"
    methods = _joined("def __qeff_init__(self):", *pieces), _joined(signature, choice, gather)
    if _knows_no_parameters(part):
        methods = methods[0].replace(ORIGINAL, BESIDE), methods[1]
    if not chooses:
        return methods
    return methods[0].replace(BY_DECORATOR, BY_FORWARD), methods[1].replace(BY_DECORATOR, BY_FORWARD)


def _knows_no_parameters(part: Part) -> bool:
    """Whether a class is of a release whose configuration has `rope_scaling`, and no `rope_parameters` yet."""
    text = ast.unparse(part.cls.node)
    return "config.rope_scaling" in text and "rope_parameters" not in text


def _arguments(forward: ast.FunctionDef) -> tuple[str, ...]:
    """What forward takes; a layer type that it only refuses is none of it."""
    return parameters(forward)[:2] if refuses_layer_types(forward) else parameters(forward)


def _keeps_frequencies_per_type(part: Part) -> bool:
    """`self.rope_type` is a dictionary by layer type, and each has `self.<layer type>_inv_freq`."""
    text = ast.unparse(part.cls.node)
    return "self.rope_type[layer_type]" in text and "{layer_type}_inv_freq" in text


def _joined(header: str, *pieces: str) -> str:
    return header + "\n" + "".join(piece.lstrip("\n") for piece in pieces)


def _returns_pair(forward: ast.FunctionDef) -> bool:
    last = forward.body[-1]
    if isinstance(last, ast.With):
        last = last.body[-1]
    return isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple) and len(last.value.elts) == 2


def _returns_complex(forward: ast.FunctionDef) -> bool:
    """Whether the one name that is returned was made by `torch.polar`."""
    last = forward.body[-1]
    if not isinstance(last, ast.Return) or not isinstance(last.value, ast.Name):
        return False
    return any(
        isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == last.value.id
        and ast.unparse(node.value).startswith("torch.polar(torch.ones_like(")
        for node in ast.walk(forward)
    )


def _other_use(forward: ast.FunctionDef, longest: ast.Assign | None) -> str | None:
    """A use of `x` other than its device and dtype, or of positions other than each by itself or for a choice."""
    positions = {"position_ids", "position_ids_expanded"}
    allowed = set(ast.walk(longest)) if longest is not None else set()
    for node in ast.walk(forward):
        if node in allowed:
            continue
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
