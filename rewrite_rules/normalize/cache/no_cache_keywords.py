"""Tell the cache nothing beside keys, values and the layer, where upstream hands it notes that it does not read.

Older releases give `update` a dictionary: the rotation, the window, and `cache_position`, for caches of a fixed size.
A cache that grows, which is the reference, reads none of it, and the generated cache is told what it needs by a rule
of its own.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import arguments_of, drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import drop_assignments, values_of
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.conditions import GIVEN_IN_INIT, Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import Change
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

# What a growing cache is told and does not read.
UNREAD = {"sin", "cos", "cache_position", "partial_rotation_size", "sliding_window"}
TOLD = Change(
    "{$_.update($_, $_, $layer, $notes), $_.update($_, $_, $layer, cache_kwargs=$notes)}",
    "",
    where={"layer": GIVEN_IN_INIT},
)
ADDED = pattern("$notes.update($more)")


class NoCacheKeywords(Rule):
    why = "A cache that grows reads nothing but keys, values and the layer; what else it is told is for other caches."
    roles = (Role.ATTENTION,)
    names = ("update",)
    construct = (
        "`<cache>.update(<key>, <value>, self.layer_idx, <notes>)`, the notes being a dictionary of "
        f"{', '.join(f'`{name}`' for name in sorted(UNREAD))}"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        told = TOLD.matches(Place(code, anatomy.file.classes.get(function.owner or ""), anatomy))
        edits = Edits(code)
        dropped: set[str] = set()
        for found in told:
            assert isinstance(found.node, ast.Call)
            notes = found["notes"]
            values = values_of(notes.id, code) if isinstance(notes, ast.Name) else [notes]
            unknown = next((text for text in (_may_be_read(value, code) for value in values) if text), "")
            if unknown or not values:
                what = unknown or code.segment(notes)
                raise Unmatched(f"the cache is told something that it may read: `{what}`", found.node)
            drop_arguments(edits, found.node, arguments_of(found.node)[3:])
            dropped |= {notes.id} if isinstance(notes, ast.Name) else set()
        for found in find_all(ADDED, code):
            notes, is_alone = found["notes"], isinstance(code.parent(found.node), ast.Expr)
            if (
                is_alone
                and isinstance(notes, ast.Name)
                and notes.id in dropped
                and not _may_be_read(found["more"], code)
            ):
                edits.remove(code.statement_of(found.node))
        drop_assignments(edits, dropped)
        left = dropped & (after := edits.done()).names
        if left:
            raise Unmatched(f"`{min(left)}` is told to more than the cache", code.tree)
        return after, len(told)


def _may_be_read(value: ast.AST, code: Code) -> str:
    """What in a dictionary of notes a growing cache might read; empty if there is nothing."""
    if not isinstance(value, ast.Dict):
        return spelled(value)
    for key, item in zip(value.keys, value.values, strict=True):
        if not isinstance(key, ast.Constant) or key.value not in UNREAD:
            return f"{code.segment(key)}: {code.segment(item)}" if key is not None else f"**{code.segment(item)}"
    return ""
