"""Keep keys and values in a cache object where an attention joins them to a pair of tensors that it is given.

Files before 4.36 hand each layer the pair of its own, and know nothing by the layer's number; their layers get that
number in every call, as layers that share weights do. A pair that is joined and given back is an update of the cache,
its size the cache's length, and the tuple of all new pairs the cache.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.joined_pairs import JOINED, LAYER_NUMBER, PRESENT, joined_pair
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import add_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import read_instead
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.conditions import Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.normalize.inference.inference_only import InferenceOnly
from rewrite_rules.vocabulary import CACHE, pattern

UPDATED = f"if {CACHE} is not None:\n    $key, $value = {CACHE}.update($key, $value, {LAYER_NUMBER})\n"
# The number of cached tokens, asked of a layer's pair or of the first of all: keys are [batch, heads, tokens, size].
SIZE = "{{{0}.shape[-2], {0}.shape[2], {0}.size(-2), {0}.size(2)}}"
SEEN_BY_LAYER, SEEN = pattern(SIZE.format(f"{CACHE}[0]")), pattern(SIZE.format(f"{CACHE}[0][0]"))
COUNTED = pattern(f"""
if {CACHE} is not None:
    $seen = {SIZE.format(f"{CACHE}[0][0]")}
    $...more
""")
NONE_SEEN = pattern("$seen = 0")
# All tokens, as the new ones and those that are added when there are cached ones.
NEW_ONES, MORE = pattern("$all = $new"), pattern("$all = $all + $seen")
COUNT = f"$seen = {CACHE}.get_seq_length() if {CACHE} is not None else 0\n"
MADE = f"if use_cache and {CACHE} is None:\n    {CACHE} = DynamicCache()\n"
# How the model takes a layer's pair out of the tuple of all, and how it loops.
TAKEN = pattern(f"$pair = {{{CACHE}[$number] if {CACHE} is not None else None, {CACHE}[$number]}}")
LOOP = pattern("for $number, $layer in enumerate($layers):\n    $...body")
ZIPPED = pattern(f"for $number, ($layer, $pair) in enumerate(zip($layers, {CACHE})):\n    $...body")
NO_PAIRS = pattern(f"""
if {CACHE} is None:
    $seen = 0
    {CACHE} = {{tuple([None] * $_), [None] * $_}}
else:
    $seen = {SIZE.format(f"{CACHE}[0][0]")}
""")


class PairsAsCache(Rule):
    why = "A pair of tensors that keys and values are joined to is an update of the cache, at the layer's number."
    roles = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, Role.ATTENTION)
    construct = (
        f"`$key = torch.cat([{CACHE}[0], $key], dim=2)` and the same for `$value`; `$pair = {CACHE}[$number]` in a "
        "loop over `enumerate(...)`; and a tuple of pairs that is used for nothing else but its size"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        joined = [part for part in anatomy.parts(Role.ATTENTION) if joined_pair(part.cls) is not None]
        if not function.is_forward or not joined:
            return code, 0
        place = Place(code, anatomy.file.classes.get(function.owner or ""), anatomy)
        code, _ = fold(code, InferenceOnly().truth(place))
        if function.role is Role.ATTENTION:
            return _updated(code), 1
        callees = anatomy.callees(function.role)
        calls = [call for call in code.nodes(ast.Call) if spelled(call.func) in callees]
        if function.role in (Role.MODEL, Role.LAYER_STACK):
            return _looped(code, calls), 1
        edits = Edits(code)
        add_parameters(edits, {LAYER_NUMBER: "int | None"})
        for call in calls:
            add_keywords(edits, call, {LAYER_NUMBER: LAYER_NUMBER})
        return edits.done(), len(calls)


def _updated(code: Code) -> Code:
    """An attention that updates the cache instead of joining keys and values to a pair."""
    edits = Edits(code)
    joins = [found for form in JOINED for found in find_all(form, code) if found.name("pair") == CACHE]
    if len(joins) != 1:
        raise Unmatched("keys and values are joined to a pair more than once, or to another one", code.tree)
    join = joins[0]
    names = {"key": join["key"], "value": join["value"]}
    presents = [found for form in PRESENT for found in find_all(form, code, names)]
    edits.replace_statements(join.statements, fill(UPDATED, join, edits))
    for found in presents:
        edits.remove(found.statements[0])
    for found in find_all(SEEN_BY_LAYER, code):
        make(edits, found, f"{CACHE}.get_seq_length({LAYER_NUMBER})")
    add_parameters(edits, {LAYER_NUMBER: "int | None"})
    left = edits.done()
    edits = Edits(left)
    for name in {found.name("present") for found in presents} - {CACHE}:
        read_instead(edits, name, CACHE)
    _refuse_other_uses(left)
    return edits.done()


def _looped(code: Code, calls: list[ast.Call]) -> Code:
    """A model that hands every layer the cache and the layer's number."""
    edits = Edits(code)
    number, pairs = _loop(edits, calls)
    for call in calls:
        for item in (*call.args, *(keyword.value for keyword in call.keywords)):
            if isinstance(item, ast.Name) and item.id in pairs:
                edits.replace(item, CACHE)
        add_keywords(edits, call, {LAYER_NUMBER: number})
    made = False
    for found in find_all(NO_PAIRS, code):
        edits.replace_statements(found.statements, MADE + fill(COUNT, found, edits))
        made = True
    for found in find_all(COUNTED, code):
        _drop_none_seen(edits, found)
        more = _more(edits, found)
        edits.replace_statements(found.statements, ("" if made else MADE) + fill(COUNT, found, edits) + more)
        made = True
    if not made:
        loop = next(node for node in code.nodes(ast.For) if any(call in ast.walk(node) for call in calls))
        edits.insert_above(loop, MADE)
    left = edits.done()
    _refuse_other_uses(left, *pairs)
    return left


def _loop(edits: Edits, calls: list[ast.Call]) -> tuple[str, set[str]]:
    """The name that numbers the layers of the loop that makes some calls, and those of one layer's pair."""
    code = edits.code
    for found in (*find_all(ZIPPED, code), *find_all(LOOP, code)):
        if not any(call in ast.walk(found.node) for call in calls):
            continue
        number = found.name("number")
        if "pair" in found.bound:
            loop = found.node
            assert isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple)
            edits.replace(loop.target.elts[1], fill("$layer", found, edits))
            edits.replace(loop.iter, fill("enumerate($layers)", found, edits))
            return number, {found.name("pair")}
        taken = [item for item in find_all(TAKEN, code) if item.name("number") == number]
        for item in taken:
            edits.remove(item.statements[0])
        if number and taken:
            return number, {item.name("pair") for item in taken}
    raise Unmatched("layers are not given one pair each, by their number", code.tree)


def _drop_none_seen(edits: Edits, counted: Match) -> None:
    """Drop the 0 that a count of cached tokens begins with."""
    for found in find_all(NONE_SEEN, edits.code):
        if found.spelled("seen") == counted.spelled("seen"):
            edits.remove(found.statements[0])


def _more(edits: Edits, counted: Match) -> str:
    """What follows a count of cached tokens where there are some; all tokens are counted at once."""
    text = ""
    for statement in counted.rest("more"):
        added = match(MORE, statement, known={"seen": counted["seen"]})
        known = {"all": added["all"]} if added is not None else {}
        begun = [item for item in find_all(NEW_ONES, edits.code, known) if item.name("new") and added is not None]
        if added is not None and len(begun) == 1:
            text += fill("$all = $new + $seen\n", Match(added.nodes, {**added.bound, "new": begun[0]["new"]}), edits)
            edits.remove(begun[0].statements[0])
        else:
            text += edits.statement_text(statement)
    return text


def _refuse_other_uses(code: Code, *pairs: str) -> None:
    """Refuse what takes a pair or the tuple of pairs apart, and any other use of a layer's pair."""
    for node in code.nodes(ast.Subscript):
        if spelled(node.value) == CACHE:
            raise Unmatched(f"the pairs of keys and values are used in another way: `{spelled(node)}`", code.tree)
    for name in code.nodes(ast.Name):
        if name.id in pairs and name.id != CACHE:
            raise Unmatched(f"a layer's pair of keys and values, `{name.id}`, is used in another way", code.tree)
