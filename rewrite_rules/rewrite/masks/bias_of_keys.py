"""Take a linear bias by key alone, from the end of its table.

A linear bias grows in proportion to the key's position. Upstream aligns the end of its table with the last key; the
graph aligns it with the last slot of the context. The two differ by the same number for every key of a query, which
softmax does not see. The table has one row for all queries, so the number of queries, for which upstream asks the
cache, is not needed.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import drop_assignments, names_in
from qeff_codegen.codemod.tree import walk
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, equal, find_all, match
from rewrite_rules.vocabulary import pattern

QUERIES = pattern("$queries = $new if past_key_values is None else $new + past_key_values.get_seq_length()")
FIRST_QUERY = pattern("$first = max(0, $bias.size(1) - $queries)")
CUT = pattern("$bias = $bias[:, $first:, $first_key:]")
CUT_AND_ADDED = pattern(f"""
$keys = $key.shape[-2]
...
{FIRST_QUERY}
...
$first_key = max(0, $bias.size(2) - $keys)
...
{CUT}
...
$scores = $scores + $bias
""")
# What may become of the scores with the bias, which does not see a number that is the same for all keys of a query:
# more is added, some are forbidden, and the softmax along the keys. They may be returned beside the result.
KEEPS = pattern(
    "{$scores + $_, $_ + $scores, torch.where($_, $_, $scores), $scores.masked_fill, $scores.float,"
    " nn.functional.softmax($scores, ..., dim=-1)}"
)
# How often these statements name the bias.
USES = 5
SCORES = pattern("torch.matmul($_, $key.transpose(-1, -2))")
# For every head a slope times the key's position, counted from the last one.
LINEAR = pattern("""
...
$bias = {torch.arange(1 - $length, 1, ...), torch.arange(1 - $length, 1, ...).view(...)}
...
$bias = $bias * $slopes
return {$bias, $bias.squeeze(0)}
""")
HANDS_ON = pattern("return $function(...)")


class BiasOfKeys(Rule):
    why = "A linear bias depends on the key's slot, up to a constant that softmax does not see; no length is counted."
    roles = (Role.ATTENTION,)
    construct = f"`{FIRST_QUERY}` with `{QUERIES}`, and `{CUT}`, the bias being linear and added to the scores"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        counted = [found.spelled("queries") for found in find_all(QUERIES, code)]
        first_queries = [found for found in find_all(FIRST_QUERY, code) if found.spelled("queries") in counted]
        if not first_queries:
            return code, 0
        first, bias = first_queries[0].spelled("first"), first_queries[0].spelled("bias")
        if len(first_queries) > 1 or not _is_linear(anatomy) or not _is_only_added(bias, code):
            what = f"`{bias}` is not known to be a linear bias that is added to the scores"
            raise Unmatched(what, first_queries[0].node)
        edits = Edits(code)
        cuts = [found for found in find_all(CUT, code) if found.spelled("first") == first]
        for found in cuts:
            assert isinstance(found.node, ast.Assign)
            edits.replace(found.node.value, f"{bias}[:, :, {found.spelled('first_key')}:]")
        code = edits.done()
        for name in (first, *counted):
            edits = Edits(code)
            drop_assignments(edits, {name} - code.names_loaded)
            code = edits.done()
        return code, len(cuts)


def _is_only_added(bias: str, code: Code) -> bool:
    """Whether the bias is cut to the number of keys, counted from the end, and then only added to scores."""
    cut = [found for found in find_all(CUT_AND_ADDED, code) if found.spelled("bias") == bias]
    of_keys = [item for found in cut for item in find_all(SCORES, code) if equal(item["key"], found["key"])]
    if any(not _is_kept(node, code) for found in cut for node in _uses_after(found, code)):
        return False
    changing = [*code.nodes(ast.Assign), *code.nodes(ast.AugAssign)]
    uses = [item for node in changing for item in walk(node) if isinstance(item, ast.Name) and item.id == bias]
    return len(cut) == 1 and bool(of_keys) and len(uses) == USES


def _uses_after(found: Match, code: Code) -> list[ast.Name]:
    """Where the scores are read after the bias is added to them."""
    last, scores = found.statements[-1], found.name("scores")
    read = [node for node in code.nodes(ast.Name) if node.id == scores and isinstance(node.ctx, ast.Load)]
    return [node for node in read if node.lineno > (last.end_lineno or last.lineno)]


def _is_kept(node: ast.Name, code: Code) -> bool:
    """Whether a use of the scores does not see a number that is the same for all keys."""
    holder = code.parent(node)
    return isinstance(holder, ast.Tuple) or (
        holder is not None and match(KEEPS, holder, code.aliases, {"scores": node}) is not None
    )


def _is_linear(anatomy: Anatomy) -> bool:
    """Whether a function of the file builds a linear bias.

    It must be the one that the model calls, by itself or through a method that only hands on.
    """
    model = anatomy.model
    calls = [node.func for node in walk(model.forward) if isinstance(node, ast.Call)]
    called = {node.id if isinstance(node, ast.Name) else self_attribute(node) for node in calls}
    for name, function in anatomy.file.functions.items():
        linear = match(LINEAR, function.body) if name in called else None
        if linear is not None and linear.name("bias") not in names_in(linear["slopes"]):
            method = model.cls.methods.get(name)
            handed_on = None if method is None else match(HANDS_ON, method.body[-1])
            return method is None or (handed_on is not None and handed_on.spelled("function") == name)
    return False
