"""Drop dropout inside the file's helper functions, with the arguments that only fed it.

A helper that adds a bias, drops out and adds a residual takes the probability and whether the model trains. At
inference it only adds; what it did with the two goes, and so do they, in its signature and wherever it is called.
"""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._dropout import WithoutDropout
from rewrite_rules._matching import names_loaded, parameter_names, source, without_parameters

NOT_TRAINING = {"self.training", "False"}


@dataclass(frozen=True)
class _Helper:
    """What a helper took, which of that only fed dropout, and which parameter says whether the model trains."""

    taken: tuple[str, ...]
    gone: frozenset[str]
    training: str


class UndroppedHelpers(Rule):
    why = "Dropout is the identity at inference; a helper that drops out keeps what else it does."
    roles = (Role.HELPER_FUNCTION,)
    construct = (
        "`nn.functional.dropout(<x>, ..., training=<parameter>)` in a helper function, which is called with "
        "`self.training`"
    )

    def apply(self, draft: Draft) -> None:
        called = {name for function in draft.functions for name in names_loaded(function.node)}
        helpers: dict[str, _Helper] = {}
        for function in [item for item in draft.of(Role.HELPER_FUNCTION) if item.name in called]:
            try:
                node, helper = _undropped(function)
            except Unmatched as unmatched:
                raise self.refuse(draft, function, unmatched.what, unmatched.node) from None
            if helper is not None:
                function.replace(node, self.id)
                helpers[function.name] = helper
        for function in draft.functions if helpers else ():
            try:
                caller = _Calls(helpers)
                node = cst.ensure_type(function.node.visit(caller), cst.FunctionDef)
            except Unmatched as unmatched:
                raise self.refuse(draft, function, unmatched.what, unmatched.node) from None
            if caller.count:
                function.replace(node, self.id)
        draft.matches[self.id] = len(helpers)


def _undropped(function: Function) -> tuple[cst.FunctionDef, _Helper | None]:
    """A helper without dropout, and what that changes for its callers."""
    dropper = WithoutDropout()
    node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
    taken = parameter_names(node)
    training: set[str] = set()
    fed: set[str] = set()
    for call in dropper.dropped:
        decides = next((item.value for item in call.args if item.keyword and item.keyword.value == "training"), None)
        if isinstance(decides, cst.Attribute) and decides.attr.value == "training":
            continue
        if not isinstance(decides, cst.Name) or decides.value not in taken:
            raise Unmatched(f"`{source(call)}` may drop out at inference too", call)
        training.add(decides.value)
        fed |= {name for item in call.args[1:] for name in names_loaded(item.value)}
    if not training:
        return function.node, None
    gone = frozenset(fed & set(taken)) - names_loaded(node)
    if len(training) > 1 or not training <= gone:
        raise Unmatched("the helper does more with what says that the model trains than dropping out", function.node)
    return without_parameters(_undocumented(node, gone), gone), _Helper(taken, gone, training.pop())


def _undocumented(node: cst.FunctionDef, gone: frozenset[str]) -> cst.FunctionDef:
    """Take the lines of the docstring that explain these parameters out of it."""
    docstring = node.get_docstring(clean=False)
    if docstring is None:
        return node
    stale = tuple(f"{name}{after}" for name in gone for after in (" (", ":"))
    kept = "\n".join(line for line in docstring.split("\n") if not line.lstrip().startswith(stale))
    return cst.ensure_type(node.visit(_Docstring(docstring, kept)), cst.FunctionDef)


class _Docstring(cst.CSTTransformer):
    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.after = after

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        if updated_node.raw_value != self.before:
            return updated_node
        return updated_node.with_changes(value=updated_node.value.replace(self.before, self.after))


class _Calls(cst.CSTTransformer):
    """Leave out, wherever helpers are called, what they no longer take."""

    def __init__(self, helpers: dict[str, _Helper]) -> None:
        self.helpers = helpers
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        helper = self.helpers.get(source(original_node.func))
        if helper is None:
            return updated_node
        if any(item.star for item in original_node.args):
            raise Unmatched(f"`{source(original_node.func)}` is called with unpacked arguments", original_node)
        kept: list[cst.Arg] = []
        trains: cst.BaseExpression | None = None
        for index, (before, after) in enumerate(zip(original_node.args, updated_node.args, strict=True)):
            name = helper.taken[index] if before.keyword is None else before.keyword.value
            if name == helper.training:
                trains = before.value
            if name not in helper.gone:
                kept.append(after)
        if trains is None or source(trains) not in NOT_TRAINING:
            raise Unmatched(f"`{source(original_node.func)}` may drop out at inference too", original_node)
        self.count += 1
        last = kept[-1].with_changes(comma=original_node.args[-1].comma)
        return updated_node.with_changes(args=[*kept[:-1], last])
