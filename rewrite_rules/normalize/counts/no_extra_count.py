"""Know positions by one name: `cache_position` is `position_ids` of one row.

Older releases count the new tokens twice: once as `cache_position`, which tells masks and caches where tokens stand,
and from it, one row for the whole batch, as `position_ids`. It is never given to an exported decoder, so it is what
the model counts when it is not; what masks and the cache need of it other rules give them, and every other part only
hands it on. Where upstream looks a table up by it, or scales by it, it is spelled as newer releases spell it, and the
rules that know that spelling say whether there may be more than one row.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.calls import drop_arguments, drop_entry
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, find_in, match
from rewrite_rules.normalize.counts._counts_of_positions import COUNT, COUNTED, cached_in_one_form, counted_once
from rewrite_rules.normalize.counts._scales_by_position import counted_by_layer, scaled_by_rows
from rewrite_rules.vocabulary import POSITIONS, pattern

NOT_GIVEN = pattern(f"{COUNT} is None")
HANDED_ON = pattern(COUNT)
# A builder of masks under another name, and what builders are given, by name.
BUILDER = pattern("$name = $one if $_ else $other")
COPY = pattern("$name = $of.copy()")
KEYWORDS = pattern("$name = $keywords")


class NoExtraCount(Rule):
    why = "`cache_position` says for one row what `position_ids` says for every row: where the new tokens stand."
    roles = CALL_PATH
    names = (COUNT,)
    construct = (
        f"`if {NOT_GIVEN}:` with `{COUNTED}`, given to builders of masks, to the next part, and to `{POSITIONS}`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        questions: list[ast.If | ast.IfExp] = [*code.nodes(ast.If), *code.nodes(ast.IfExp)]
        for question in questions:
            if question.orelse and any(find_in(NOT_GIVEN, question.test)):
                test = ast.unparse(question.test)
                raise Unmatched(f"with `{COUNT}` upstream does more than use it: `{test}`", code.tree)
        # No caller gives it, so it is what the model counts. Upstream's generation does give it.
        code, _ = fold(cached_in_one_form(code), lambda test: True if match(NOT_GIVEN, test) else None)
        code = _handed_no_further(code, function.role, anatomy)
        if function.role is Role.MODEL:
            code = counted_once(code)
        elif function.role is Role.ATTENTION:
            code = scaled_by_rows(counted_by_layer(code), anatomy.file.functions)
        if (use := _other_use(code)) is not None:
            text = ast.unparse(use).split("\n", 1)[0]
            raise Unmatched(f"`{COUNT}` is used for more than counting tokens: `{text}`", function.code.tree)
        return code, 1


def _handed_no_further(code: Code, role: Role, anatomy: Anatomy) -> Code:
    """Hand the count to no part of the call path and to no builder of masks."""
    edits = Edits(code)
    callees, builders = anatomy.callees(role), _builders(code, mask_builders(anatomy.file))
    keywords: set[str] = set()
    for call in code.nodes(ast.Call):
        spelled = ast.unparse(call.func)
        if spelled not in callees and spelled not in builders:
            continue
        names = parameters(callees[spelled].forward) if spelled in callees else ()
        gone: list[ast.expr | ast.keyword] = [
            item for name, item in zip(names, call.args, strict=False) if name == COUNT and _is_count(item)
        ]
        gone += [item for item in call.keywords if item.arg == COUNT and _is_count(item.value)]
        drop_arguments(edits, call, gone)
        if spelled in builders:
            keywords |= {ast.unparse(item.value) for item in call.keywords if item.arg is None}
    keywords |= {item.spelled("of") for item in find_all(COPY, code) if item.spelled("name") in keywords}
    for found in find_all(KEYWORDS, code):
        mapping = found["keywords"]
        if isinstance(mapping, ast.Dict) and found.spelled("name") in keywords:
            for index, (key, value) in enumerate(zip(mapping.keys, mapping.values, strict=True)):
                if isinstance(key, ast.Constant) and key.value == COUNT and _is_count(value):
                    drop_entry(edits, mapping, index)
    drop_parameters(edits, [COUNT])
    return edits.done()


def _is_count(value: ast.expr) -> bool:
    return match(HANDED_ON, value) is not None


def _builders(code: Code, builders: set[str]) -> set[str]:
    """Everything that builds masks under a name."""
    for found in find_all(BUILDER, code):
        if {found.spelled("one"), found.spelled("other")} <= builders:
            builders = builders | {found.spelled("name")}
    return builders


def _other_use(code: Code) -> ast.stmt | None:
    """The first statement that still mentions the count."""
    uses: list[ast.Name | ast.keyword | ast.Constant] = [node for node in code.nodes(ast.Name) if node.id == COUNT]
    uses += [node for node in code.nodes(ast.keyword) if node.arg == COUNT]
    uses += [node for node in code.nodes(ast.Constant) if node.value == COUNT]
    return code.statement_of(min(uses, key=lambda node: node.lineno)) if uses else None
