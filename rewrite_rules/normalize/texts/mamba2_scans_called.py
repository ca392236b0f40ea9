"""Call the runtime's scan where Mamba-2 is written out.

Older releases compute Mamba-2 in a mixer's own lines: many tokens in chunks, one token by the recurrence. They are
compared with the known texts, statement by statement; names and what a configuration decides may differ.

    if cache.has_previous_state(layer): ...      recurrent_state = cache.get_recurrent_state(layer)
    else: ...                                ->  y, state = mamba2_scan(x, dt, A, B, C, ...)
                                                 cache.update_recurrent_state(state, layer)
                                                 y = y.reshape(batch_size, seq_len, -1)
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_functions import text_digest
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import NameTaken
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Bound, Match, first_unlike, match
from qeff_codegen.patterns.pattern import Pattern
from rewrite_rules.normalize.texts._earlier_calls import Branch, branches
from rewrite_rules.normalize.texts._mamba2_text import MANY_TOKENS, ONE_TOKEN
from rewrite_rules.vocabulary import CACHE, pattern

STATE = "recurrent_state"
# What both texts have, by the names of their patterns.
SHARED = ("x", "dt", "a", "b", "c", "d", "dt_bias", "batch", "heads", "groups", "width", "entries", "y")
# Functions that the text for many tokens calls, by digest of what stands in them.
CALLED = {"padded": "19aef6d3653ebbc3", "in_chunks": "ea84448878c8dea3", "between": "7c44168c853092a1"}
LEAST, MOST = pattern("$limit[0]"), pattern("$limit[1]")


class Mamba2ScansCalled(Rule):
    why = "One function computes what upstream writes out, for one token and for many."
    roles = (Role.STATE_MIXER,)
    names = ("update_recurrent_state",)
    construct = (
        "`if <there was a call before>: <Mamba-2 of one token>`, `else: <Mamba-2 in chunks>`, as they are known"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        edits, count = Edits(code), 0
        for branch in branches(code):
            found, one = match(MANY_TOKENS, branch.many, code.aliases), match(ONE_TOKEN, branch.one, code.aliases)
            if found is None and one is None:
                continue
            if found is None:
                raise _unlike(MANY_TOKENS, branch.many, code, {})
            if (unknown := _unknown(found, anatomy.file)) is not None:
                raise Unmatched(
                    f"`{unknown}` computes something else than upstream's function of its kind", branch.node
                )
            known = {name: found.bound[name] for name in SHARED if name in found.bound}
            one = match(ONE_TOKEN, branch.one, code.aliases, known)
            if one is None:
                raise _unlike(ONE_TOKEN, branch.one, code, known)
            if _limit(one) != _limit(found):
                raise Unmatched("the step of one token has other limits than that of many", branch.one[0])
            if {found.spelled("layer"), one.spelled("layer")} != {branch.layer}:
                raise Unmatched("a state of another layer is kept", branch.node)
            if STATE in code.names:
                raise NameTaken(STATE, branch.node)
            edits.replace_statement(branch.node, _called(found, branch))
            count += 1
        return edits.done(), count


def _unlike(text: Pattern, statements: list[ast.stmt], code: Code, known: Mapping[str, Bound]) -> Unmatched:
    """Says where one of the two texts is another one than the known, while the other is the known one."""
    statement, wanted = first_unlike(text, statements, code.aliases, known)
    return Unmatched(f"this is not Mamba-2 as it is known, where `{wanted}` is expected", statement)


def _unknown(found: Match, file: ModelingFile) -> str | None:
    """The first of the functions that the text for many tokens calls that is not the known one."""
    for name, digest in CALLED.items():
        function = file.functions.get(found.name(name))
        if function is None or text_digest(function, file) != digest:
            return found.spelled(name)
    return None


def _called(found: Match, branch: Branch) -> str:
    names = {name: found.spelled(name) for name in (*SHARED, "tokens", "state") if name in found.bound}
    rows, entries = f"{names['batch']}, {names['tokens']}", names["entries"]
    by_group = f"reshape({rows}, {names['groups']}, {entries})"
    return (
        f"{STATE} = {CACHE}.get_recurrent_state({branch.layer})\n"
        f"{names['y']}, {names['state']} = mamba2_scan(\n"
        f"    {names['x']}.reshape({rows}, {names['heads']}, {names['width']}),\n"
        f"    {names['dt']},\n"
        f"    {names['a']},\n"
        f"    {names['b']}.{by_group},\n"
        f"    {names['c']}.{by_group},\n"
        f"    D={names['d']},\n"
        f"    dt_bias={names['dt_bias']},\n"
        f"    dt_softplus=True,\n"
        f"    initial_states={STATE},\n"
        f"    dt_limit={_limit(found)},\n"
        f")\n"
        f"{CACHE}.update_recurrent_state({names['state']}, {branch.layer})\n"
        f"{names['y']} = {names['y']}.reshape({rows}, -1)\n"
    )


def _limit(found: Match) -> str:
    """How small and how large a step may be, as one pair."""
    if "most" not in found.bound:
        return f'({found.spelled("least")}, float("inf"))'
    least = match(LEAST, found["least"])
    if least is not None and match(MOST, found["most"], known=least.bound) is not None:
        return least.spelled("limit")
    return f"({found.spelled('least')}, {found.spelled('most')})"
