"""Leave the choices of all tokens in the order of tokens, and gather each one's expert, instead of sorting by expert.

Upstream sorts the choices by expert, so that each expert's rows are one stretch whose length depends on values; a
graph cannot follow that. What happens to a row does not depend on where it stands, so the sort may be left out: a row
then knows its expert, and the projection gathers that expert's weight, `[rows, out, in]`. A token's rows stand side
by side, and adding them up is a sum over an axis.

Decoding one token reads the weights of its choices only.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute
from qeff_codegen.anatomy.read_between import other_reader
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import read_instead, rename
from qeff_codegen.codemod.signatures import describe
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.rows import EXPERT, ORDER, GatheredRows, activations_of, attributes_holding
from rewrite_rules.vocabulary import pattern

# The end of the router: chosen experts to sorted choices.
SORTS = pattern("""
$zeros = torch.zeros([$top.size(0), self.num_experts], dtype=$top.dtype, device=$top.device)
$gates = $zeros.scatter(1, $chosen, 1)
$sizes = $gates.long().sum(0)
$sizes = $sizes.tolist()
$experts = $chosen.flatten()
_, $choice = $experts.sort(0)
$token = $choice.div(self.top_k, rounding_mode="trunc")
$top = $top.flatten()
$weights = $top[$choice]
return $choice, $token, $weights, $sizes, $_
""")
CHOOSES = pattern("$_, $chosen = $_.topk(self.top_k, dim={1, -1})")
IN_PLACE = "torch.arange($experts.shape[0], device=$experts.device)"
# The projection.
STRETCHES = pattern("""
$stretches = $rows.split($sizes, dim=0)
$products = []
for $i in range(self.num_experts):
    $products.append(nn.functional.linear($stretches[$i], self.weight[$i]))
$result = torch.cat($products, dim=0)
return $result
""")
WEIGHT = pattern("nn.Parameter(torch.empty($count, $_, $_))")
GATHERED = f"$result = torch.matmul(self.weight[{EXPERT}], $rows.unsqueeze(-1))[..., 0]"
# The dispatcher: what the router returns is unpacked, or packed for another method, which unpacks it.
NAMES = ("choice", "token", "weights", "sizes")
UNPACKED = pattern("$choice, $token, $weights, $sizes, $_ = $router($_)")
PACKED = pattern("$_ = $choice, $token, $weights, $sizes")
HANDED = pattern("$choice, $token, $weights, $sizes = $given")
HANDS_OVER = (UNPACKED, PACKED, HANDED)
# The first axes of the states become one, of tokens.
TOKENS = pattern("""
if ...:
    $a, $b, $width = $states.size()
else:
    $a, $b, $_, $width = $states.size()
...
$states = $states.reshape(-1, $width)
""")
# Adding rows up by token is a sum over each token's choices; by choice, it is nothing to do.
SUMS = (
    (
        pattern("""
$zeros = torch.zeros(($a * $b, $columns), dtype=$rows.dtype, device=$rows.device)
$_ = $zeros.index_add(0, $token, $rows)
"""),
        "$rows.view($a * $b, -1, $columns).sum(dim=1)",
    ),
    (
        pattern("""
$zeros = torch.zeros(($a * $b * self.top_k, $columns), dtype=$rows.dtype, device=$rows.device)
$_ = $zeros.index_add(0, $choice, $rows)
"""),
        "$rows",
    ),
)


class UnsortedExperts(Rule):
    why = "Where an expert's rows end depends on values; unsorted, each row gathers its own expert's weight."
    roles = (Role.EXPERT_ROUTER, Role.EXPERT_DISPATCHER, Role.EXPERT_PROJECTION)

    @property
    def construct(self) -> str:
        return (
            f"a router that ends with `{SORTS.shown}`, projections that split rows by the experts' sizes, and between "
            "them only what treats each row by itself"
        )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        part = anatomy.part(function.owner or "")
        assert part is not None
        is_dispatched = function.role is Role.EXPERT_DISPATCHER and function.name in part.entries
        is_forward = function.role is not Role.EXPERT_DISPATCHER and function.is_forward
        if not anatomy.parts(Role.EXPERT_ROUTER) or not (is_dispatched or is_forward):
            return code, 0
        edits = Edits(code)
        if function.role is Role.EXPERT_ROUTER:
            _leave_in_place(edits)
        elif function.role is Role.EXPERT_PROJECTION:
            _gather_weights(edits, part.cls)
        elif (reader := other_reader(anatomy, part)) is not None:
            raise Unmatched(f"`{reader}` reads the order of rows between calls", code.tree)
        else:
            _add_up(edits, part.cls, anatomy)
        return edits.done(), 1


def _leave_in_place(edits: Edits) -> None:
    """Let the router number the choices as they come, and say each one's expert instead of the experts' sizes."""
    code = edits.code
    found = next(iter(find_all(SORTS, code)), None)
    if found is None:
        raise Unmatched("the router sorts its choices in another way", code.body[-1])
    chosen = found.name("chosen")
    bound = [node for node in code.nodes(ast.Name) if node.id == chosen and isinstance(node.ctx, ast.Store)]
    if len(bound) != 1 or len(find_all(CHOOSES, code, {"chosen": found["chosen"]})) != 1:
        raise Unmatched(f"`{chosen}` is not what one `topk(self.top_k)` chose", code.body[-1])
    *counts, flatten, sort, _, _, _, _ = found.statements
    assert isinstance(sort, ast.Assign)
    read_instead(edits, found.name("sizes"), found.name("experts"))
    for statement in counts:
        edits.remove(statement)
    edits.comment(flatten, ORDER)
    edits.replace(sort.targets[0], found.name("choice"))
    edits.replace(sort.value, fill(IN_PLACE, found, edits))


def _gather_weights(edits: Edits, cls: ModelingClass) -> None:
    """Let a projection multiply each row with the weight of its expert."""
    code = edits.code
    found = match(STRETCHES, code.body, code.aliases)
    made, counted = cls.assigned["weight"], cls.assigned.get("num_experts", ())
    if found is None or len(made) != 1 or len(counted) != 1 or not match(WEIGHT, made[0], known={"count": counted[0]}):
        raise Unmatched("the projection multiplies its rows in another way", code.body[-1])
    rows, sizes = parameters(code.tree)
    if (found.name("rows"), found.name("sizes")) != (rows, sizes):
        raise Unmatched("the projection does not take rows and sizes in this order", code.body[-1])
    rename(edits, sizes, EXPERT)
    edits.replace_statements(code.body[-5:-1], fill(GATHERED, found, edits))
    describe(edits, f"Apply to every row of `{rows}`, [rows, in], the weight of its `{EXPERT}`, [rows].")


def _add_up(edits: Edits, cls: ModelingClass, anatomy: Anatomy) -> None:
    """Follow the rows of a dispatcher, and add them up where they stand side by side."""
    code = edits.code
    handed = _handed(code.body, cls, attributes_holding(Role.EXPERT_ROUTER, cls, anatomy))
    tokens = find_all(TOKENS, code)
    if handed is None:
        raise Unmatched("what the router returns is not unpacked here", code.tree)
    if len(tokens) != 1:
        raise Unmatched("the states are not made one row a token", code.tree)
    if EXPERT in code.names:
        raise Unmatched(f"`{EXPERT}` is a name for something else here", code.tree)
    choice, token, weights, sizes = map(handed.name, NAMES)
    projections = attributes_holding(Role.EXPERT_PROJECTION, cls, anatomy)
    rows = GatheredRows(choice, token, weights, sizes, projections, activations_of(cls))
    rename(edits, sizes, EXPERT)
    names = {name: handed[name] for name in NAMES}
    known = {**names, "a": tokens[0]["a"], "b": tokens[0]["b"]}
    sums = {found.statements[0]: (found, give) for form, give in SUMS for found in find_all(form, code, known)}
    pending = [*code.body]
    while pending:
        statement = pending.pop(0)
        found, give = sums.get(statement, (None, ""))
        if found is not None and found.name("rows") in rows.rows:
            added = pending.pop(0)
            assert isinstance(added, ast.Assign)
            edits.remove(statement)
            edits.replace(added.value, fill(give, found, edits))
        elif rows.touches(statement) and not any(match(form, statement, known=names) for form in HANDS_OVER):
            rows.follow(statement)


def _handed(body: list[ast.stmt], cls: ModelingClass, routers: frozenset[str]) -> Match | None:
    """What names a method gives to what the router returns: it unpacks that, or what another method packed by them."""
    if (unpacked := _unpacked(body, routers)) is not None:
        return unpacked
    for method in cls.methods.values():
        other = _unpacked(method.body, routers)
        if other is not None and any(match(PACKED, item, known=other.bound) for item in method.body):
            handed = (match(HANDED, item, known=other.bound) for item in body)
            if any(found is not None and found.name("given") for found in handed):
                return other
    return None


def _unpacked(body: list[ast.stmt], routers: frozenset[str]) -> Match | None:
    """The one call of the router, if the four names that it is unpacked to are different ones, or `_`."""
    calls = [found for item in body if (found := match(UNPACKED, item)) and self_attribute(found["router"]) in routers]
    names = [calls[0].name(name) for name in NAMES] if len(calls) == 1 else []
    used = [name for name in names if name != "_"]
    return calls[0] if all(names) and names and len(set(used)) == len(used) else None
