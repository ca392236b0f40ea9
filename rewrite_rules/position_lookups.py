"""Calls of the tables in which a model looks positions up."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import POSITIONS, pattern

GIVEN = pattern(POSITIONS)


def lookups(
    code: Code, file: ModelingFile, owner: ModelingClass
) -> Iterator[tuple[ast.Call, str, ModelingClass, dict[str, ast.expr]]]:
    """Every call of a module of one class of the file that is given `position_ids`.

    Each comes with the module's spelling, its class, and what it is given, by the parameters' names.
    """
    for attribute, names in owner.built.items():
        cls = file.classes[names[0]] if len(names) == 1 else None
        if cls is None or cls.forward is None:
            continue
        for found in find_all(pattern(f"self.{attribute}(...)"), code):
            assert isinstance(found.node, ast.Call)
            given = bound_arguments(found.node, parameters(cls.forward)) or {}
            if POSITIONS in given and match(GIVEN, given[POSITIONS]) is not None:
                yield found.node, f"self.{attribute}", cls, given
