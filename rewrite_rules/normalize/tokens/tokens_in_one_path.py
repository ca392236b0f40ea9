"""Take upstream's text for many tokens for one token too.

Upstream computes one token by other functions than many, chosen by the number of tokens. The graph is one for prefill
and decode, and the runtime's functions take calls of any length, so the text for many tokens is the one that stays. It
must compute the same: by the other form of the same function, whose text is known, from the same values, which the
text for one token only has in another shape.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_mixers import is_of_layer
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.normalize.tokens._two_forms import refuse_other_computation
from rewrite_rules.vocabulary import CACHE, pattern

ONE_TOKEN = pattern(
    "{$state is not None and $tokens == 1,"
    f" $state is not None and $tokens == 1 and not {CACHE}.is_recording_past($layer)}}"
)
ASKS_COUNT = pattern("{$tokens == $_, $tokens != $_, $tokens > $_, $tokens < $_}")
READ = pattern(f"{CACHE}.get_conv_state($layer, ...)")
# Whether there was a call before, which only the text for one token asks.
ASKED = pattern(f"{CACHE}.has_previous_state($layer)")
STATES = pattern(f"{{{CACHE}.get_conv_state($layer, ...), {CACHE}.get_recurrent_state($layer, ...)}}")


class TokensInOnePath(Rule):
    why = "One graph serves prefill and decode: the text for many tokens computes one token too."
    roles = (Role.STATE_MIXER,)
    construct = f"`if {ONE_TOKEN}:`, both branches calling the forms of one function on the same values"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        for call in code.nodes(ast.Call):
            if match(STATES, call) is not None and not is_of_layer(call):
                raise Unmatched(f"`{spelled(call)}` reads the state of another layer, or another one of its own", call)
        branches = dict(_branches(code))
        for branch, found in branches.items():
            refuse_other_computation(branch, found["state"], code, anatomy.file)
        other = next(_other_questions(code, list(branches)), None)
        if other is not None:
            raise Unmatched("what is computed depends on the number of tokens in another way", other)
        code = _explained(code, list(branches))
        tests = [branch.test for branch, _ in _branches(code)]
        folded, count = fold(code, lambda test: False if any(test is item for item in tests) else None)
        return _without_unread(folded), count


def _branches(code: Code) -> Iterator[tuple[ast.If, Match]]:
    """Every branch for one token, with what its condition asks."""
    states = {name for node in code.nodes(ast.Assign) for name, value in _named(node) if match(STATES, value)}
    lengths = lengths_of(code.tree)
    for node in code.nodes(ast.If):
        found = match(ONE_TOKEN, node.test)
        if found is None:
            continue
        of_layer = "layer" not in found.bound or (self_attribute(found["layer"]) or "").startswith("layer_i")
        if found.name("state") in states and lengths.counts_new(found["tokens"]) and of_layer and node.orelse:
            yield node, found


def _explained(code: Code, branches: list[ast.If]) -> Code:
    """With what is said of the text for many tokens where that for one token is explained."""
    edits, lines = Edits(code), code.text.split("\n")
    for branch in branches:
        between = lines[branch.body[-1].end_lineno or 0 : branch.orelse[0].lineno - 1]
        said = [line.strip() for line in between if line.strip().startswith("#")]
        blank = [line for line in edits.above(branch) if not line]
        edits.replace_above(branch, [*blank, *said])
    return edits.done()


def _named(node: ast.Assign) -> list[tuple[str, ast.expr]]:
    named = assigned(node)
    return [named] if named is not None else []


def _other_questions(code: Code, known: list[ast.If]) -> Iterator[ast.expr]:
    """Conditions on a number of tokens, but for the known ones."""
    lengths = lengths_of(code.tree)
    questions: list[ast.If | ast.IfExp] = [*code.nodes(ast.If), *code.nodes(ast.IfExp)]
    for question in questions:
        for node in find(ast.Compare, question.test):
            found = match(ASKS_COUNT, node)
            if found is not None and lengths.counts_new(found["tokens"]) and question not in known:
                yield node


def _without_unread(code: Code) -> Code:
    """Without the columns, and the answers whether there was a call before, that only the text for one token read."""
    edits = Edits(code)
    for statement in code.nodes(ast.Assign):
        named = assigned(statement)
        if named is None or named[0] in code.names_loaded:
            continue
        asks = [match(ASKED, call) is not None for call in find(ast.Call, named[1])]
        if match(READ, named[1]) is not None or (asks and all(asks)):
            edits.remove(statement)
    return edits.done()
