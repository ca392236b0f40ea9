"""How older releases count positions as `cache_position`, and how newer ones spell the same."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

import libcst as cst

from rewrite_rules._functions import values_of
from rewrite_rules._matching import (
    CACHE,
    assigned_name,
    line_of,
    names_bound,
    names_loaded,
    names_read,
    parameter_names,
    source,
    spelled,
    statements_of,
    tree_of,
)
from rewrite_rules._matching import (
    SEEN as SEEN_LENGTH,
)
from rewrite_rules._statements import with_body

COUNT, POSITIONS = "cache_position", "position_ids"
SEEN = re.compile(r"(\w+)\.get_seq_length\(\) if \1 is not None else 0|0 if (\w+) is None else \2\.get_seq_length\(\)")
# The shape of what has a row for each sequence and a column for each new token.
OF_TOKENS = {"input_ids", "inputs_embeds", "input", "hidden_states"}
SHAPE = re.compile(r"(input_ids|inputs_embeds|input|hidden_states)\.(shape|size\(\))(\[:(2|-1)\])?")
SIZED = re.compile(r"(?P<of>\w+)(\.shape\[1\]|\.size\(1\)|\[1\])")
WHERE = r"device=(\w+\.)?device( if input_ids is not None else \w+\.device)?"
COUNTED = (
    re.compile(rf"torch\.arange\((?P<seen>\w+), (?P=seen) \+ (?P<new>[\w.\[\]]+), {WHERE}\)"),
    re.compile(rf"torch\.arange\((?P<new>[\w.\[\]]+), {WHERE}\) \+ (?P<seen>\w+)"),
)
ROW = f"{COUNT}.unsqueeze(0)"
# Where the new tokens begin, by the first of their positions or by the cache.
FIRST_COUNTED = f"""
if {COUNT} is not None:
    {{name}} = {COUNT}[0]
elif {CACHE} is not None:
    {{name}} = {CACHE}.get_seq_length()
"""
# How an attention of newer releases counts, and what it makes of the one row.
BY_LAYER = "positions"
SEEN_BY_LAYER = f"past_seen_tokens = {CACHE}.get_seq_length(self.layer_idx) if {CACHE} is not None else 0"
COUNTED_BY_LAYER = f"{BY_LAYER} = torch.arange(hidden_states.shape[1], device=hidden_states.device) + past_seen_tokens"
ONE_ROW = "{0}.view((1, input_shape[-1], 1, 1)).expand((*input_shape, 1, 1))"


def cached_in_one_form(function: cst.FunctionDef) -> cst.FunctionDef:
    """A forward that asks the cache for its length, where the first position that it is given would say the same."""
    body = statements_of(function.body)
    for index, (first, second) in enumerate(pairwise(body)):
        assigned = assigned_name(first)
        if assigned is None or source(assigned[1]) != "0" or not isinstance(second, cst.If):
            continue
        name = assigned[0]
        if ast.unparse(ast.parse(source(second).strip())) == ast.unparse(ast.parse(FIRST_COUNTED.format(name=name))):
            return with_body(function, [*body[:index], line_of(f"{name} = {SEEN_LENGTH}", first), *body[index + 2 :]])
    return function


def counted_once(function: cst.FunctionDef) -> cst.FunctionDef:
    """A model's forward that counts `position_ids` where it is asked for them, and nothing else.

    A count of anything but the new tokens, from the length of the cache on, stays as it is.
    """
    tree = tree_of(function)
    body = statements_of(function.body)
    counts = [item for item in body if (assigned_name(item) or ("",))[0] == COUNT]
    bound = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == COUNT]
    bound = [node for node in bound if isinstance(node.ctx, ast.Store)]
    assigned = assigned_name(counts[0]) if len(counts) == len(bound) == 1 else None
    written = _in_newer_spelling(assigned[1], function) if assigned is not None else None
    if written is None:
        return function
    index = body.index(counts[0])
    without = with_body(function, [item for item in body if item is not counts[0]])
    without = cst.ensure_type(without.visit(_CountRows(written)), cst.FunctionDef)
    body = statements_of(without.body)
    last = max((place for place, item in enumerate(body) if COUNT in names_read(item)), default=-1)
    known = any(POSITIONS in names_loaded(item) for item in body[: last + 1])
    if last < 0 or known or POSITIONS in parameter_names(function):
        return without
    # The model is given no positions and looks them up by what it counted.
    named = cst.ensure_type(without.visit(_Named(POSITIONS)), cst.FunctionDef)
    body = statements_of(named.body)
    return with_body(named, [*body[:index], line_of(f"{POSITIONS} = {written}", counts[0]), *body[index:]])


def _in_newer_spelling(value: cst.BaseExpression, function: cst.FunctionDef) -> str | None:
    """`torch.arange(<new>, device=...) + <seen>`, if that is what upstream counts."""
    match = next((found for pattern in COUNTED if (found := pattern.fullmatch(spelled(value)))), None)
    if match is None:
        return None
    tree = tree_of(function)
    seen = values_of(match["seen"], tree)
    if not seen or not all(SEEN.fullmatch(item) for item in seen) or not _counts_new(match["new"], tree):
        return None
    return f"torch.arange({match['new']}, device=inputs_embeds.device) + {match['seen']}"


def _counts_new(text: str, tree: ast.FunctionDef) -> bool:
    """Whether an expression is the number of new tokens: the second size of tokens or embeddings, or a name for it."""
    if (sized := SIZED.fullmatch(text)) is not None:
        return sized["of"] in OF_TOKENS or _are_shapes(sized["of"], tree)
    found = [
        (ast.unparse(node.targets[0]), ast.unparse(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    ]
    sizes = [value for target, value in found if target == text]
    unpacked = [value for target, value in found if re.fullmatch(rf"\(?\w+, {text}(, _)?\)?", target)]
    named = all(SIZED.fullmatch(value) and _counts_new(value, tree) for value in sizes)
    taken = all(SHAPE.fullmatch(value) or _are_shapes(value, tree) for value in unpacked)
    stores = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == text]
    stores = [node for node in stores if isinstance(node.ctx, ast.Store)]
    return named and taken and len(stores) == len(sizes) + len(unpacked) > 0


def _are_shapes(name: str, tree: ast.FunctionDef) -> bool:
    """Whether a local only ever holds the shape of tokens or embeddings."""
    values = values_of(name, tree)
    return bool(values) and all(SHAPE.fullmatch(value) for value in values)


class _CountRows(cst.CSTTransformer):
    """`position_ids = cache_position.unsqueeze(0)` becomes two statements: the count, and its row."""

    def __init__(self, written: str) -> None:
        self.written = written

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        assigned = assigned_name(updated_node)
        text = source(assigned[1]) if assigned is not None else ""
        if assigned is None or assigned[0] != POSITIONS or not text.startswith(ROW) or text.count(COUNT) != 1:
            return updated_node
        counted = line_of(f"{POSITIONS} = {self.written}", updated_node)
        return cst.FlattenSentinel([counted, line_of(f"{POSITIONS} = {text.replace(COUNT, POSITIONS)}")])


def counted_by_layer(function: cst.FunctionDef) -> cst.FunctionDef:
    """An attention's forward that counts positions itself, as newer releases do, where it scales by them.

    Whatever else it does with positions that it is handed stays as it is.
    """
    if COUNT not in names_read(function) or {BY_LAYER, "past_seen_tokens"} & names_bound(function):
        return function
    return cst.ensure_type(function.visit(_CountByLayer()), cst.FunctionDef)


class _CountByLayer(cst.CSTTransformer):
    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.BaseSuite:
        body = list(updated_node.body)
        for index, item in enumerate(body[:-1]):
            assigned, following = assigned_name(item), assigned_name(body[index + 1])
            if assigned is None or following is None or source(assigned[1]).count(f"{COUNT}.float()") != 1:
                continue
            if following[0] == assigned[0] and source(following[1]) == ONE_ROW.format(assigned[0]):
                counted = [line_of(SEEN_BY_LAYER, item), line_of(COUNTED_BY_LAYER)]
                named = cst.ensure_type(item.visit(_Named(BY_LAYER)), cst.SimpleStatementLine)
                body[index : index + 1] = [*counted, named.with_changes(leading_lines=[])]
                return updated_node.with_changes(body=body)
        return updated_node


class _Named(cst.CSTTransformer):
    """Read positions by another name; keywords and attributes stay."""

    def __init__(self, name: str) -> None:
        self.name = name

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=self.name) if updated_node.value == COUNT else updated_node
