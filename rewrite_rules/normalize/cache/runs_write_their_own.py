"""Let every run of layers that run several times write keys and values of its own.

Upstream has two ways to cache what such layers attend to. In one, each run has a copy of its layers' cache, which the
model appends to the growing one; the retained state has a place for each of them from the start. In the other, earlier
runs read what the last run wrote of earlier tokens, and write nothing. A preallocated cache has no part that holds
earlier tokens alone, so that setting is an error when the model is run, not ignored.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.names import assigned, drop_assignments, names_in
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern
from rewrite_rules.vocabulary import CACHE, pattern

WAYS = """
if $cache is not None and $reads:
    $read = {$key: ($layer.keys, $layer.values) for $key, $layer in enumerate($cache.layers) if $layer.is_initialized}
elif $cache is not None and len($cache.layers) == self.config.num_hidden_layers:
    $cache.layers += $copies
"""
COMPARED = pattern("$setting == $_")
CONFIGURATION = pattern("self.config")
NOTHING = pattern("None")
REFUSED = """
if {reads}:
    raise ValueError("with `{setting}` runs read the cache that others write")
"""


class RunsWriteTheirOwn(Rule):
    why = "Every run of a layer has a place of its own in the retained state; none reads what another one wrote."
    roles = (Role.MODEL, Role.ATTENTION)
    construct = f"`{Pattern(WAYS.replace('$cache', CACHE)).shown}`, and the argument by which an attention reads it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, model = function.code, anatomy.model
        upstream = _ways(model.forward.body, model.cache_parameter)
        if upstream is None or not function.is_forward:
            return code, 0
        names = {
            item.arg
            for call, _ in anatomy.calls(Role.MODEL, model.forward)
            for item in call.keywords
            if item.arg is not None and upstream.name("read") in names_in(item.value)
        }
        if function.role is Role.ATTENTION:
            return _without_parameters(code, names)
        found = _ways(code.body, CACHE)
        return (code, 0) if found is None else _every_run_writes(code, found, anatomy)


def _ways(body: Iterable[ast.stmt], cache: str) -> Match | None:
    """Where a forward chooses between both ways to cache."""
    both = Pattern(WAYS.replace("$cache", cache))
    return next((found for item in body if (found := match(both, item)) is not None), None)


def _every_run_writes(code: Code, found: Match, anatomy: Anatomy) -> tuple[Code, int]:
    """The model's forward, in which nothing is read of other runs, and the other setting is refused."""
    reads, read = found.name("reads"), found.name("read")
    bound = [named for node in code.nodes(ast.Assign) if (named := assigned(node)) is not None]
    settings = [value for name, value in bound if name == reads]
    others = [value for name, value in bound if name == read and value is not found["copies"]]
    inside = set(ast.walk(found.node))
    before = [value for value in others if value not in inside]
    if len(settings) != 1 or not _is_setting(settings[0]) or not all(match(NOTHING, item) for item in before):
        raise Unmatched("it is not a setting that says which runs write the cache", found.node)
    edits = Edits(code)
    setting = ast.unparse(settings[0]).removeprefix("self.").replace('"', "'")
    edits.replace_statement(code.statement_of(found.node), REFUSED.format(reads=reads, setting=setting))
    for call, _ in anatomy.calls(Role.MODEL, code.tree):
        drop_arguments(edits, call, [item for item in call.keywords if read in names_in(item.value)])
    edits = Edits(edits.done())
    drop_assignments(edits, {read})
    left = edits.done()
    if read in left.names:
        raise Unmatched(f"`{read}` is read elsewhere too", left.tree)
    return left, 1


def _is_setting(value: ast.expr) -> bool:
    """`self.config.<setting> == <value>`."""
    compared = match(COMPARED, value)
    setting = compared["setting"] if compared is not None else None
    return isinstance(setting, ast.Attribute) and match(CONFIGURATION, setting.value) is not None


def _without_parameters(code: Code, names: set[str]) -> tuple[Code, int]:
    """An attention's forward that is never given what other runs wrote."""
    folded, decided = fold(code, lambda test: none_comparison(test, names))
    edits = Edits(folded)
    drop_parameters(edits, names)
    left = edits.done()
    if used := names & left.names:
        raise Unmatched(f"`{min(used)}` is used outside a branch on it", left.tree)
    return left, decided
