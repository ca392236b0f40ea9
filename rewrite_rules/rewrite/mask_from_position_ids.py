"""Build the mask from `position_ids` alone.

Upstream's mask builders look at the attention mask, the cache and the attention implementation; the graph has only
`position_ids`, and a context whose length is that of the cache (or of `comp_ctx_lengths`, when only part of the
context is read). Builders for a window and for chunks take their size from the configuration, as upstream's do.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
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
)

FULL, WINDOWED = "create_causal_mask", "create_sliding_window_causal_mask"
CHUNKED = "create_chunked_causal_mask"
BUILDERS_MODULE = "transformers.masking_utils"
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
        builders = {name for name, (module, _) in anatomy.file.imports.items() if module == BUILDERS_MODULE}
        facts = _Facts()
        function.node.visit(facts)
        builder = _Build(self, builders, facts)
        node = cst.ensure_type(function.node.visit(builder), cst.FunctionDef)
        if not builder.count:
            return function.node, 0
        return _drop_unused(_say_context(node), facts), builder.count


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
    def __init__(self, rule: MaskFromPositionIds, builders: set[str], facts: _Facts) -> None:
        self.rule = rule
        self.builders = builders
        self.facts = facts
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(original_node)
        if assigned is not None and assigned[0] in self.facts.choices:
            return cst.RemoveFromParent()
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = source(updated_node.func)
        if name not in self.builders and name not in self.facts.choices:
            return updated_node
        if name not in (FULL, WINDOWED, CHUNKED) and name not in self.facts.choices:
            raise Unmatched(f"`{name}` builds a mask that has no rule", updated_node)
        unknown = self._passed(updated_node) - UNDERSTOOD
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


def _say_context(function: cst.FunctionDef) -> cst.FunctionDef:
    """Put the context length before the first statement of the body that builds a mask."""
    body = list(function.body.body)
    first = next(index for index, item in enumerate(body) if "target_length=target_length" in source(item))
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
