"""How attentions of older releases scale by `cache_position`, one row for the whole batch, and newer ones by rows."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.patterns.match import find_all, find_in, match
from rewrite_rules.normalize.counts._counts_of_positions import COUNT
from rewrite_rules.vocabulary import CACHE, POSITIONS, pattern

COUNTED = pattern(COUNT)
# What an attention makes of the one row of scales.
ONE_ROW = pattern("$scales = $made\n$scales = $scales.view((1, input_shape[-1], 1, 1)).expand((*input_shape, 1, 1))")
NUMBERS = pattern(f"{COUNT}.float()")
# How an attention of newer releases counts.
BY_LAYER, SEEN = "positions", "past_seen_tokens"
COUNTED_BY_LAYER = f"""
{SEEN} = {CACHE}.get_seq_length(self.layer_idx) if {CACHE} is not None else 0
{BY_LAYER} = torch.arange(hidden_states.shape[1], device=hidden_states.device) + {SEEN}
"""
# Queries, [batch, heads, tokens, size], and what they are scaled by.
PER_HEAD = pattern("$queries = $_(hidden_states).view($_).transpose(1, 2)")
SCALED = pattern("{$queries * $scale($count, ...).to(...), $queries * $scale($count, ...)}")
SCALES = pattern("$scale = $made\nreturn $scale.unsqueeze(-1)")
# Functions that compute each number by itself.
BY_ELEMENT = pattern("{torch.log($_), torch.log1p($_), torch.floor($_)}")


def counted_by_layer(code: Code) -> Code:
    """An attention's forward that counts positions itself, as newer releases do, where it scales by them.

    Whatever else it does with positions that it is handed stays as it is.
    """
    edits = Edits(code)
    for found in find_all(ONE_ROW, code) if {BY_LAYER, SEEN}.isdisjoint(code.names_bound) else ():
        made = code.statement_of(found.node)
        if len(list(find_in(NUMBERS, made, code.aliases))) == 1:
            _read_instead(edits, made, BY_LAYER)
            edits.replace_statement(made, COUNTED_BY_LAYER + edits.statement_text(made))
            break
    return edits.done()


def scaled_by_rows(code: Code, functions: Mapping[str, ast.FunctionDef]) -> Code:
    """An attention's forward whose queries are scaled by the positions of their rows.

    Upstream's `<queries> * <function>(cache_position, ...)` has a scale of `[tokens, 1]`; with a row of positions for
    each sequence it is `[batch, tokens, 1]`, and gets an axis for the heads.
    """
    per_head = {found.spelled("queries") for found in find_all(PER_HEAD, code)}
    edits = Edits(code)
    for found in find_all(SCALED, code):
        scale, call = functions.get(found.spelled("scale")), code.parent(found["count"])
        if scale is None or not _scales_each(scale) or found.spelled("queries") not in per_head:
            continue
        assert isinstance(call, ast.Call)
        if match(COUNTED, found["count"]) and len(list(find_in(COUNTED, call))) == 1:
            _read_instead(edits, call, POSITIONS)
            edits.insert(code.places.span(call)[1], ".unsqueeze(1)")
    return edits.done()


def _read_instead(edits: Edits, tree: ast.AST, name: str) -> None:
    """Read another local instead of the count."""
    for found in find_in(COUNTED, tree):
        assert isinstance(found.node, ast.Name)
        edits.replace(found.node, name)


def _scales_each(function: ast.FunctionDef) -> bool:
    """Whether a function computes with each position by itself, and adds an axis at the end."""
    found = match(SCALES, function.body)
    if found is None or function.decorator_list:
        return False
    known = (ast.BinOp, ast.operator, ast.Constant, ast.Name, ast.Attribute, ast.expr_context)
    return all(
        match(BY_ELEMENT, node) is not None if isinstance(node, ast.Call) else isinstance(node, known)
        for node in ast.walk(found["made"])
    )
