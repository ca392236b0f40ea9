"""Build the masks in the model's forward where upstream does so in a method of its own.

The method is given what the forward has, by the same names, and hands back names that the forward takes by the same
names, so its statements can stand in the place of the call. There the mask is seen beside the cache and the positions
it is made from.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import equal, find_all
from rewrite_rules.vocabulary import pattern

MADE_APART = pattern("$masks = $make(...)")


class MasksMadeInForward(Rule):
    why = "The mask is made from positions and the cache, so it is made where they are."
    roles = (Role.MODEL,)
    construct = (
        f"`{MADE_APART}`, `$make` being a method that builds a mask, takes names as they are and returns `$masks`"
    )

    def apply(self, draft: Draft) -> None:
        builders = mask_builders(draft.anatomy.file)
        self.makers = {
            function.name: function
            for function in draft.of(Role.MODEL)
            if not function.is_forward and not function.added and not builders.isdisjoint(function.code.names)
        }
        self.inlined: set[str] = set()
        super().apply(draft)
        gone = [function for name, function in self.makers.items() if name in self.inlined]
        draft.functions = [function for function in draft.functions if not any(function is item for item in gone)]

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or not self.makers:
            return code, 0
        edits = Edits(code)
        inlined = set()
        for found in find_all(MADE_APART, code):
            name = self_attribute(found["make"])
            if name not in self.makers:
                continue
            statement = found.node
            assert isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
            maker = self.makers[name].code
            if not _means_the_same(maker, statement.value, found["masks"]):
                raise Unmatched(
                    "a method that builds masks uses other names than the forward that calls it", statement
                )
            made = Edits(maker)
            first, *others = maker.body[:-1]
            texts = [made.statement_text(first), *(made.statement_with_comments(item) for item in others)]
            edits.replace_statement(statement, "".join(texts))
            inlined.add(name)
        self.inlined |= inlined
        return edits.done(), len(inlined)


def _means_the_same(maker: Code, call: ast.Call, masks: ast.expr) -> bool:
    """Whether every name in the method's statements means the same where it is called, and ends in the same names."""
    returned = maker.body[-1]
    if not isinstance(returned, ast.Return) or returned.value is None or len(maker.nodes(ast.Return)) != 1:
        return False
    if len(maker.body) < 2 or maker.tree.decorator_list or maker.tree.args.kwarg is not None or call.args:
        return False
    same_names = all(isinstance(item.value, ast.Name) and item.value.id == item.arg for item in call.keywords)
    # A parameter that is left to its default could be another thing by that name in the forward.
    all_given = {item.arg for item in call.keywords} == {*maker.parameters} - {"self"}
    known_there = names_in(returned.value)
    stays_known = all(names_in(item, ast.Store) <= known_there for item in maker.body[:-1])
    return same_names and all_given and stays_known and equal(returned.value, masks)
