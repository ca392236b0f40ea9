"""Make a missing cache, and turn no tuple into one or back.

Releases of 4.36 to 4.47 take a tuple of pairs as well as a cache object, and give back what they were given. The
generated model takes pairs, and gives them back, by a rule of its own, so that inside there is a cache object always.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import assigned, values_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.vocabulary import CACHE, pattern

IS_NO_CACHE = f"not isinstance({CACHE}, Cache)"
USED = f"{{use_cache and {IS_NO_CACHE}, use_cache and {IS_NO_CACHE} and not self.training}}"
FROM_PAIRS = f"{CACHE} = $cls.from_legacy_cache({CACHE})"
# A flag that says what came in, and what is done to it; what stands between warns.
FORMS = (
    pattern(f"""
if {USED}:
    $legacy = True
    $...before
    {FROM_PAIRS}
    $...after
"""),
    pattern(f"""
if {USED}:
    $legacy = True
    if {CACHE} is None:
        {CACHE} = $cls()
    else:
        {FROM_PAIRS}
        $...after
"""),
    pattern(f"""
if use_cache:
    $legacy = {IS_NO_CACHE}
    if $legacy:
        {FROM_PAIRS}
    $...counted
"""),
    pattern(f"""
if use_cache:
    if not isinstance({CACHE}, StaticCache):
        {FROM_PAIRS}
        $...counted
"""),
)
MADE = f"if use_cache and {CACHE} is None:\n    {CACHE} = $cls()\n"
WARNED = pattern("{logger.warning, logger.warning_once, warnings.warn}(...)")
# The number of cached tokens, which is 0 where no cache is used.
COUNTED = pattern(f"$seen = {{{CACHE}.get_usable_length($_), {CACHE}.get_seq_length()}}")
NONE_SEEN = pattern("$seen = 0")
SEEN = f"$seen = {CACHE}.get_seq_length() if {CACHE} is not None else 0\n"


class NoLegacyCache(Rule):
    why = "The model is given its cache as pairs, by a rule of its own; inside it is an object, whatever came in."
    roles = (Role.MODEL, Role.LAYER_STACK)
    names = ("from_legacy_cache",)
    construct = f"`if use_cache and {IS_NO_CACHE}:` with `{FROM_PAIRS}`, and at most warnings beside it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        turned = [found for form in FORMS for found in find_all(form, code) if _only_turns(found)]
        if not function.is_forward or not turned:
            return code, 0
        edits, flags = Edits(code), {found.name("legacy") for found in turned if "legacy" in found.bound}
        for found in turned:
            edits.replace_statements(found.statements, _made(found, edits, code))
        inside = {node for found in turned for statement in found.statements for node in ast.walk(statement)}
        for node in [item for item in code.nodes(ast.Assign) if item not in inside]:
            named = assigned(node)
            if named is not None and named[0] in flags and isinstance(named[1], ast.Constant):
                edits.remove(node)
        left, _ = fold(edits.done(), lambda test: False if isinstance(test, ast.Name) and test.id in flags else None)
        if flags & left.names:
            raise Unmatched(
                f"`{min(flags & left.names)}` decides more than in which form the cache is given", code.tree
            )
        return left, len(turned)


def _only_turns(found: Match) -> bool:
    """Whether a form does no more than turning the cache into an object, warning, and counting what it holds."""
    warned = [item for name in ("before", "after") if name in found.bound for item in found.rest(name)]
    counted = found.rest("counted") if "counted" in found.bound else []
    known = all(match(WARNED, item) is not None for item in warned)
    return known and len(counted) < 2 and all(match(COUNTED, item) is not None for item in counted)


def _made(found: Match, edits: Edits, code: Code) -> str:
    """The statements that make a missing cache, and count its tokens where the form did."""
    text = fill(MADE, found, edits)
    for item in found.rest("counted") if "counted" in found.bound else ():
        counted = match(COUNTED, item)
        assert counted is not None
        values = [value for value in values_of(counted.spelled("seen"), code) if value is not found.node]
        for node in code.nodes(ast.Assign):
            if (none := match(NONE_SEEN, node)) is not None and none.spelled("seen") == counted.spelled("seen"):
                edits.remove(node)
                values = [value for value in values if value is not node.value]
        if len(values) > 1:
            raise Unmatched(f"`{counted.spelled('seen')}` is something else than what the cache holds", item)
        text += fill(SEEN, counted, edits)
    return text
