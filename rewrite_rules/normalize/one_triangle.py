"""Mask later tokens once: by the mask that attention is given, and not by a triangle that it keeps as well.

Older attentions keep a lower triangle of all positions in a buffer and take its last rows, before they add the mask
that the model has built, which is causal already. The generated mask is causal too, so the triangle forbids nothing
more; its last rows would be those of the end of the context.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import names_loaded, source, statements_of
from rewrite_rules._statements import text_of, with_body

TEST = re.compile(r"not (module|self)\.is_cross_attention")
MASKS_LATER = re.compile(
    r"query_length, key_length = \(?query\.size\(-2\), key\.size\(-2\)\)?\n"
    r"causal_mask = (?:module|self)\.(?P<table>\w+)\[:, :, key_length - query_length:key_length, :key_length\]\n"
    r"mask_value = torch\.finfo\((?P<scores>\w+)\.dtype\)\.min\n"
    r"mask_value = torch\.(?:full\(\[\], |tensor\()mask_value, dtype=(?P=scores)\.dtype"
    r"(?:, device=(?P=scores)\.device)?\)"
    r"(?:\.to\((?P=scores)\.device\))?\n"
    r"(?P=scores) = torch\.where\(causal_mask, (?P=scores)(?:\.to\((?P=scores)\.dtype\))?, mask_value\)"
)
BOUND = {"query_length", "key_length", "mask_value"}


class OneTriangle(Rule):
    why = "The mask that attention is given is causal; a triangle kept beside it forbids nothing more."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    words = ("is_cross_attention",)
    construct = (
        "`if not <attention>.is_cross_attention:` with `torch.where(<attention>.<triangle>[<last rows>], <scores>, "
        "<least>)`, the triangle being `torch.tril(torch.ones(...))`, and a sum with the mask after it"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        mask = anatomy.mask_parameters.get(function.qualified_name)
        body = statements_of(function.node.body)
        kept = [item for item in body if not _masks_later(item, anatomy)]
        left = set().union(*(names_loaded(item) for item in kept))
        # The mask of the model, whose slice may have the name that the triangle's rows had, is added after it.
        sliced = f"causal_mask = {mask}[" in source(function.node)
        if len(kept) != len(body) - 1 or mask not in left or left & BOUND or ("causal_mask" in left and not sliced):
            return function.node, 0
        return with_body(function.node, kept), 1


def _masks_later(item: cst.BaseStatement, anatomy: Anatomy) -> bool:
    if not isinstance(item, cst.If) or item.orelse is not None or not TEST.fullmatch(source(item.test)):
        return False
    text = "\n".join(text_of(ast.parse(source(inner).strip()).body[0]) for inner in statements_of(item.body))
    found = MASKS_LATER.fullmatch(text)
    attentions = anatomy.parts(Role.ATTENTION)
    return found is not None and all(_is_triangle(part.cls, found["table"]) for part in attentions)


def _is_triangle(cls: ModelingClass, table: str) -> bool:
    """Whether `__init__` registers the lower triangle of all positions, for all sequences and heads."""
    made = cls.methods.get("__init__")
    triangle = re.compile(
        rf"self\.register_buffer\('{table}', torch\.tril\(torch\.ones\(\((\w+), \1\), dtype=torch\.bool\)\)"
        rf"\.view\(1, 1, \1, \1\)(, persistent=\w+)?\)"
    )
    return made is not None and triangle.search(ast.unparse(made)) is not None
