"""Leave rows in the order of tokens where a dispatcher sorts them itself, by `argsort`, and puts them back.

Upstream sorts the choices of all tokens by expert and counts each expert's, so that a function can multiply stretches
of rows, one for each expert; where a stretch ends depends on values. What happens to a row does not depend on where it
stands, so the order that sorting gives may be that of the tokens, in which a row knows its expert: the projection
gathers that expert's weight, `[rows, in, out]`, and nothing has to be put back. A module that carries the rows to the
projections hands each row's expert on in the place of the experts' sizes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters
from qeff_codegen.anatomy.parameter_axes import parameter_axes
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, read_instead, rename
from qeff_codegen.codemod.signatures import describe
from qeff_codegen.codemod.tree import statements_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, find_in, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.rows import EXPERT, ORDER, GatheredRows, activations_of, attributes_holding
from rewrite_rules.vocabulary import pattern

# Sorted, counted, gathered, and put back where they came from; what happens to the rows in between is looked at.
SORTED = pattern("""
$sizes = torch.histc($chosen.flatten().to(torch.float32), bins=$count, min=0, max=$count - 1).to($_)
...
$choice = torch.argsort($experts)
...
$rows = $states.index_select(0, $choice // $top)
$...computed
$zeros = torch.zeros(($_.shape[0] * $top, $output.size(1)), dtype=$output.dtype, device=$output.device)
$zeros.index_copy_(0, $choice, $output)
""")
IN_PLACE = "torch.arange($experts.shape[0], device=$experts.device)"
SAME = pattern("{$old.view(-1), $old}")
TOP = pattern("$_(..., k=$top)")
# The projection, and the function of rows, weights and sizes that it calls.
PROJECTS = pattern("return $multiply($rows, self.weight, $sizes.cpu())")
STRETCHES = pattern("""
$many = $rows.shape[0]
$out = $weights.shape[-1]
$result = torch.zeros($many, $out, dtype=$rows.dtype, device=$rows.device)
$ends = torch.cumsum($sizes, dim=0)
$zero = torch.zeros(1, dtype=torch.long, device=$ends.device)
$ends = torch.cat(($zero, $ends))
for $i in range($weights.shape[0]):
    $start = $ends[$i]
    $end = $ends[$i + 1]
    $some = $rows[$start:$end]
    $product = torch.matmul($some, $weights[$i])
    $result[$start:$end] = $product
return $result
""")
GATHERED = f"return torch.matmul($rows.unsqueeze(1), self.weight[{EXPERT}]).squeeze(1)"


class UnsortedRows(Rule):
    why = "Where an expert's rows end depends on values; left in place, each row gathers its own expert's weight."
    roles = (Role.EXPERT_DISPATCHER, Role.EXPERT_CARRIER, Role.EXPERT_PROJECTION)

    @property
    def construct(self) -> str:
        return (
            f"`{SORTED.shown}`, where each row is computed by itself, and projections that multiply stretches of as "
            "many rows"
        )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        part = anatomy.part(function.owner or "")
        assert part is not None
        if anatomy.parts(Role.EXPERT_ROUTER) or function.name not in ("forward", *part.entries):
            return function.code, 0
        edits = Edits(function.code)
        if function.role is Role.EXPERT_PROJECTION:
            _gather_weights(edits, part.cls, anatomy)
        elif function.role is Role.EXPERT_CARRIER:
            _carry(edits, part.cls, anatomy)
        else:
            _leave_in_place(edits, part.cls, anatomy)
        return edits.done(), 1


def _gather_weights(edits: Edits, cls: ModelingClass, anatomy: Anatomy) -> None:
    """Let a projection multiply each row with the weight of its expert."""
    code = edits.code
    rows, sizes = parameters(code.tree)
    found = match(PROJECTS, code.body, code.aliases)
    function = anatomy.file.functions.get(found.name("multiply")) if found is not None else None
    multiplied = match(STRETCHES, function.body, code.aliases) if function is not None else None
    if (
        found is None
        or function is None
        or multiplied is None
        or (found.name("rows"), found.name("sizes")) != (rows, sizes)
        or tuple(map(multiplied.name, ("rows", "weights", "sizes"))) != parameters(function)
    ):
        raise Unmatched("the projection multiplies its rows in another way", code.body[-1])
    if parameter_axes(cls, "weight") != 3:
        raise Unmatched("the projection's weight is not one matrix for each expert", code.body[-1])
    rename(edits, sizes, EXPERT)
    edits.replace_statement(code.body[-1], fill(GATHERED, found, edits))
    describe(edits, f"Multiply every row of `{rows}`, [rows, in], by the weight of its `{EXPERT}`, [rows].")


def _carry(edits: Edits, cls: ModelingClass, anatomy: Anatomy) -> None:
    """Hand each row's expert to the projections, where rows are computed each by itself."""
    code = edits.code
    taken, sizes = parameters(code.tree)
    projections = attributes_holding(Role.EXPERT_PROJECTION, cls, anatomy)
    rows = GatheredRows("", "", "", sizes, projections, activations_of(cls), {taken})
    *computed, returned = statements_of(code.tree)
    for statement in computed:
        rows.follow(statement)
    if not isinstance(returned, ast.Return) or returned.value is None or not rows.is_row(returned.value):
        raise Unmatched("what carries rows to projections returns something else", returned)
    rename(edits, sizes, EXPERT)
    describe(edits, f"Compute every row of `{taken}`, [rows, in], by its `{EXPERT}`, [rows].")


def _leave_in_place(edits: Edits, cls: ModelingClass, anatomy: Anatomy) -> None:
    """Number the rows as they come, instead of sorting them by expert."""
    code = edits.code
    sorts = find_all(SORTED, code)
    if len(sorts) != 1:
        raise Unmatched("the rows are sorted, counted, gathered or put back in another way", code.tree)
    found = sorts[0]
    projections = attributes_holding(Role.EXPERT_PROJECTION, cls, anatomy)
    projections |= attributes_holding(Role.EXPERT_CARRIER, cls, anatomy)
    _refuse_others(found, code, cls, anatomy)
    counts, zeros, put = found.statements[0], *found.statements[-2:]
    sort, gather = (code.statement_of(found[name]) for name in ("choice", "rows"))
    choice, sizes = found.name("choice"), found.name("sizes")
    rows = GatheredRows(choice, choice, "", sizes, projections, frozenset())
    for statement in code.body:
        if statement is gather:
            rows.rows.add(found.name("rows"))
        elif statement is put:
            rows.rows.discard(found.name("zeros"))
        elif statement not in (counts, sort, zeros) and rows.touches(statement):
            rows.follow(statement)
    assert isinstance(sort, ast.Assign)
    read_instead(edits, sizes, found.name("experts"))
    edits.remove(counts)
    edits.comment(sort, ORDER)
    edits.replace(sort.value, fill(IN_PLACE, found, edits))
    edits.replace_statements([zeros, put], fill("$zeros = $output", found, edits))


def _refuse_others(found: Match, code: Code, cls: ModelingClass, anatomy: Anatomy) -> None:
    """Refuse what sorts other choices than it counts, or counts other experts than there are."""
    made = list(_projections_made(cls, anatomy))
    last = [value.args[-1] if isinstance(value, ast.Call) and value.args else None for value in made]
    counted = getattr(found["count"], "attr", "")
    if not made or not all(isinstance(item, ast.Attribute) and item.attr == counted for item in last):
        raise Unmatched("the experts counted are not those of the projections", code.tree)
    bound = [node.id for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Store)]
    once = all(bound.count(found.name(name)) == 1 for name in ("experts", "chosen", "choice", "sizes"))
    if not once or _origin(found.name("experts"), code) != _origin(found.name("chosen"), code):
        raise Unmatched(f"`{found.name('experts')}` is sorted and another counted", code.tree)
    if not any(match(TOP, item.node, known={"top": found["top"]}) for item in find_in(TOP, cls.node)):
        raise Unmatched("the rows are not put back as they were taken", code.tree)


def _projections_made(cls: ModelingClass, anatomy: Anatomy) -> Iterator[ast.expr]:
    """How a class makes its projections, or those of what carries rows to them."""
    for attribute in attributes_holding(Role.EXPERT_PROJECTION, cls, anatomy):
        yield from cls.assigned[attribute]
    for attribute in attributes_holding(Role.EXPERT_CARRIER, cls, anatomy):
        for name in cls.built[attribute]:
            yield from _projections_made(anatomy.file.classes[name], anatomy)


def _origin(name: str, code: Code) -> str:
    """The name of which `name` is another one, or the same in one row."""
    for statement in reversed(code.body):
        bound = assigned(statement)
        if bound is not None and bound[0] == name and (same := match(SAME, bound[1])) is not None:
            name = same.name("old") or name
    return name
