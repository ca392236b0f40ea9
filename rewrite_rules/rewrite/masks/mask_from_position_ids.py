"""Build the mask from `position_ids` alone.

Upstream's mask builders look at the attention mask, the cache and the attention implementation; the graph has only
`position_ids`, and a context whose length is that of the cache (or of `comp_ctx_lengths`, when only part of the
context is read). Builders for a window and for chunks take their size from the configuration, as upstream's do.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.mask_form import MaskForm, mask_builders, mask_form
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._matching import (
    CACHE,
    assigned_name,
    names_loaded,
    names_read,
    only_statement,
    source,
    without_assignments,
    without_overwritten,
)

FULL, WINDOWED = "create_causal_mask", "create_sliding_window_causal_mask"
CHUNKED = "create_chunked_causal_mask"
# What these builders take that is covered by position_ids and the cache. Anything else changes the mask.
UNDERSTOOD = {
    "config",
    "inputs_embeds",
    "input_embeds",
    "attention_mask",
    "past_key_values",
    "cache",
    "position_ids",
    "cache_position",
    # Whether the builder may leave the mask out and trust a kernel's own causal masking.
    "allow_is_causal_skip",
}
READS_WINDOW = "config.sliding_window"
ALSO = "and_mask_function"
ALWAYS = re.compile(r"lambda \*\w+: torch\.tensor\(True, dtype=torch\.bool\)")
MADE_BOOLEAN = ".to(torch.bool)"
CONTEXT = f"target_length = {CACHE}.get_seq_length() if comp_ctx_lengths is None else comp_ctx_lengths.shape[-1]"
POSITIONS = "position_ids=position_ids"
WINDOW = ", sliding_window=self.config.sliding_window"
CHUNK = ", chunk_size=self.config.attention_chunk_size"
CHOICE = f"{FULL} if self.config.sliding_window is None else {WINDOWED}"


class MaskFromPositionIds(Rule):
    why = "`position_ids` alone decides what may be attended to; the mask covers the preallocated context."
    roles = (Role.MODEL,)
    expect = Expect.AT_LEAST_ONE
    construct = (
        f"`<mask> = {FULL}(config=..., attention_mask=..., position_ids=...)`, `{WINDOWED}(...)`, `{CHUNKED}(...)`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        builders = mask_builders(anatomy.file)
        facts = _Facts()
        function.node.visit(facts)
        builder = _Build(builders, facts, mask_form(anatomy))
        node = cst.ensure_type(function.node.visit(builder), cst.FunctionDef)
        if not builder.count:
            return function.node, 0
        if WINDOWED not in source(function.node) and (reader := _reads_window(anatomy)) is not None:
            what = f"{reader} reads `{READS_WINDOW}`, and no mask has a window: its cache forgets what its mask shows"
            raise Unmatched(what, function.node.params)
        node = _drop_unused(node, facts)
        # What upstream made for the builder alone.
        node = without_overwritten(without_assignments(node, {MASK} - names_loaded(node)), MASK)
        return _say_context(node), builder.count


class _Facts(cst.CSTVisitor):
    """Local names that hold keyword arguments for the builders, or the builder itself."""

    def __init__(self) -> None:
        self.keywords: dict[str, set[str]] = {}
        self.choices: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is None:
            self._note_added_key(node)
            return
        name, value = assigned
        if isinstance(value, cst.Dict):
            keys = [source(item.key).strip("\"'") for item in value.elements if isinstance(item, cst.DictElement)]
            if len(keys) == len(value.elements):
                self.keywords[name] = set(keys)
        elif source(value).removesuffix(".copy()") in self.keywords:
            self.keywords[name] = set(self.keywords[source(value).removesuffix(".copy()")])
        elif " ".join(source(value).split()) == CHOICE:
            self.choices.add(name)

    def _note_added_key(self, node: cst.SimpleStatementLine) -> None:
        """`<keywords>["key"] = ...` gives the builders one more argument."""
        statement = only_statement(node)
        if isinstance(statement, cst.Assign) and isinstance(statement.targets[0].target, cst.Subscript):
            target = statement.targets[0].target
            if source(target.value) in self.keywords:
                self.keywords[source(target.value)].add(source(target.slice[0].slice).strip("\"'"))


class _Build(cst.CSTTransformer):
    def __init__(self, builders: set[str], facts: _Facts, form: MaskForm) -> None:
        self.builders = builders
        self.facts = facts
        self.form = form
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(original_node)
        if assigned is not None and assigned[0] in self.facts.choices:
            return cst.RemoveFromParent()
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self.form is MaskForm.FILLED and source(updated_node).endswith(MADE_BOOLEAN):
            mask = cst.ensure_type(updated_node.func, cst.Attribute).value
            return mask if "target_length=target_length" in source(mask) else updated_node
        name = source(updated_node.func)
        if name not in self.builders and name not in self.facts.choices:
            return updated_node
        if name not in (FULL, WINDOWED, CHUNKED) and name not in self.facts.choices:
            raise Unmatched(f"`{name}` builds a mask that has no rule", updated_node)
        unknown = self._passed(updated_node) - UNDERSTOOD - _always_true(updated_node)
        if unknown:
            raise Unmatched(f"the mask also depends on `{min(unknown)}`", updated_node)
        self.count += 1
        function = "_create_chunked_causal_mask" if name == CHUNKED else "_create_causal_mask"
        size = {FULL: "", CHUNKED: CHUNK}.get(name, WINDOW)
        return cst.parse_expression(f"{function}({POSITIONS}, target_length=target_length{size})")

    def _passed(self, call: cst.Call) -> set[str]:
        """Names of everything the builder is given; a positional or unknown spread argument has no understood name."""
        passed: set[str] = set()
        for item in call.args:
            if item.star == "**":
                passed |= self.facts.keywords.get(source(item.value), {source(item.value)})
            else:
                passed.add(item.keyword.value if item.keyword is not None else source(item.value))
        return passed


def _reads_window(anatomy: Anatomy) -> str | None:
    """A class that reads the window from the configuration: upstream's cache then forgets what lies outside of it."""
    for name in anatomy.reachable:
        initializer = anatomy.file.classes[name].methods.get("__init__")
        for node in ast.walk(initializer) if initializer is not None else ():
            if isinstance(node, ast.Attribute) and ast.unparse(node) == READS_WINDOW:
                return f"`{name}` (line {node.lineno})"
    return None


def _always_true(call: cst.Call) -> set[str]:
    """The further condition, when it is one that always holds and only forces upstream to build a mask."""
    return {
        ALSO
        for item in call.args
        if item.keyword is not None and item.keyword.value == ALSO and ALWAYS.fullmatch(source(item.value))
    }


def _say_context(function: cst.FunctionDef) -> cst.FunctionDef:
    """Put the context length before the first statement of the body that needs it."""
    body = list(function.body.body)
    first = next(index for index, item in enumerate(body) if "target_length" in source(item))
    statement = cst.ensure_type(cst.parse_statement(CONTEXT), cst.SimpleStatementLine)
    target = body[first]
    assert isinstance(target, (cst.SimpleStatementLine, cst.If, cst.For, cst.With))
    blank = [line for line in target.leading_lines if line.comment is None]
    comments = [line for line in target.leading_lines if line.comment is not None]
    body[first : first + 1] = [
        statement.with_changes(leading_lines=blank),
        target.with_changes(leading_lines=comments),
    ]
    return function.with_changes(body=function.body.with_changes(body=body))


def _drop_unused(function: cst.FunctionDef, facts: _Facts) -> cst.FunctionDef:
    """Remove the dictionaries of builder arguments that nothing reads any more."""
    unused = set(facts.keywords) - names_loaded(function)
    if not unused & names_read(function):
        return function
    return _drop_unused(without_assignments(function, unused), facts)
