"""Drop dropout inside the file's helper functions, with the arguments that only fed it.

A helper that adds a bias, drops out and adds a residual takes the probability and whether the model trains. At
inference it only adds; what it did with the two goes, and so do they, in its signature and wherever it is called.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import arguments_of, drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.normalize.dropout._dropout import drop_dropout
from rewrite_rules.vocabulary import pattern

SWITCHED = pattern("nn.functional.dropout($x, ..., training=$training)")
NOT_TRAINING = pattern("{self.training, False}")


@dataclass(frozen=True)
class _Helper:
    """What a helper took, which of that only fed dropout, and which parameter says whether the model trains."""

    taken: tuple[str, ...]
    gone: frozenset[str]
    training: str


class UndroppedHelpers(Rule):
    why = "Dropout is the identity at inference; a helper that drops out keeps what else it does."
    roles = (Role.HELPER_FUNCTION,)
    construct = f"`{SWITCHED}` in a helper function, which is called with `self.training`"

    def apply(self, draft: Draft) -> None:
        called = {name for function in draft.functions for name in function.code.names_loaded}
        helpers: dict[str, _Helper] = {}
        for function in [item for item in draft.of(Role.HELPER_FUNCTION) if item.name in called]:
            try:
                code, helper = _undropped(function.code)
            except Unmatched as unmatched:
                raise self.refuse(draft, function, unmatched.what, unmatched.node) from None
            if helper is not None:
                function.replace(code, self.id)
                helpers[function.name] = helper
        for function in draft.functions if helpers else ():
            try:
                function.replace(_with_shorter_calls(function.code, helpers), self.id)
            except Unmatched as unmatched:
                raise self.refuse(draft, function, unmatched.what, unmatched.node) from None
        draft.matches[self.id] = len(helpers)


def _undropped(code: Code) -> tuple[Code, _Helper | None]:
    """A helper without dropout, and what that changes for its callers."""
    edits = Edits(code)
    training: set[str] = set()
    fed: set[str] = set()
    for call in drop_dropout(edits):
        found = match(SWITCHED, call, code.aliases)
        decides = None if found is None else found["training"]
        if isinstance(decides, ast.Attribute) and decides.attr == "training":
            continue
        if not isinstance(decides, ast.Name) or decides.id not in code.parameters:
            raise Unmatched(f"`{ast.unparse(call)}` may drop out at inference too", call)
        training.add(decides.id)
        for item in arguments_of(call)[1:]:
            fed |= {node.id for node in ast.walk(item) if isinstance(node, ast.Name)}
    left = edits.done()
    if not training:
        return code, None
    gone = frozenset(fed & set(code.parameters)) - left.names_loaded
    if len(training) > 1 or not training <= gone:
        raise Unmatched("the helper does more with what says that the model trains than dropping out", code.tree)
    edits = Edits(left)
    drop_parameters(edits, gone)
    _drop_from_docstring(edits, gone)
    return edits.done(), _Helper(code.parameters, gone, training.pop())


def _drop_from_docstring(edits: Edits, gone: frozenset[str]) -> None:
    """Take the lines of the docstring that explain these parameters out of it."""
    if ast.get_docstring(edits.code.tree) is None:
        return
    start, end = edits.code.places.span(edits.code.body[0])
    stale = tuple(f"{name}{after}" for name in gone for after in (" (", ":"))
    lines = edits.code.text[start:end].split("\n")
    edits.put(start, end, "\n".join(line for line in lines if not line.lstrip().startswith(stale)))


def _with_shorter_calls(code: Code, helpers: dict[str, _Helper]) -> Code:
    """Leave out, wherever helpers are called, what they no longer take."""
    edits = Edits(code)
    for call in code.nodes(ast.Call):
        helper = helpers.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if helper is None:
            continue
        name = ast.unparse(call.func)
        if any(isinstance(item, ast.Starred) for item in call.args) or any(item.arg is None for item in call.keywords):
            raise Unmatched(f"`{name}` is called with unpacked arguments", call)
        given: dict[str, ast.expr | ast.keyword] = dict(zip(helper.taken, call.args, strict=False))
        given |= {item.arg: item for item in call.keywords if item.arg is not None}
        trains = given.get(helper.training)
        trains = trains.value if isinstance(trains, ast.keyword) else trains
        if trains is None or match(NOT_TRAINING, trains) is None:
            raise Unmatched(f"`{name}` may drop out at inference too", call)
        drop_arguments(edits, call, [item for taken, item in given.items() if taken in helper.gone])
    return edits.done()
