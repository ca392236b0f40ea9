"""Take the cache that a layer is given, and no other one that may hang on the layer.

Releases 4.38 to 4.40 set a cache of a fixed size on every attention, where generation asks for one, and each attention
prefers that to the cache it is given. No class of a file sets it itself, and no generated layer has one.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.conditions import Condition, Place
from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.patterns.match import Match
from rewrite_rules.vocabulary import CACHE


def _is_set_by_none(node: ast.expr, found: Match, place: Place) -> bool:
    """Whether no class of the file sets an attribute of that name."""
    name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    stored = (
        item.attr == name and not isinstance(item.ctx, ast.Load)
        for cls in place.anatomy.file.classes.values()
        for method in cls.methods.values()
        if not _sets_up(method)
        for item in find(ast.Attribute, method)
    )
    return name.isidentifier() and not any(stored)


def _sets_up(method: ast.FunctionDef) -> bool:
    """Whether a method is one of those by which generation puts such a cache on the layers, and takes it off them."""
    return method.name in ("_setup_cache", "_reset_cache")


class NoCacheOnLayers(PatternRule):
    why = "Every layer is given its cache; the one of a fixed size that generation may hang on it is another's."
    roles = (Role.ATTENTION,)
    changes = (
        Change(
            f"{CACHE} = getattr(self, $name, {CACHE})",
            "",
            where={"name": Condition("is an attribute that no class of the file sets", _is_set_by_none)},
        ),
    )
