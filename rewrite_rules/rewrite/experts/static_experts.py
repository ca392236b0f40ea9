"""Compute the chosen experts of every token with gathered weights, instead of looping over the experts that were hit.

Upstream visits every expert some token chose and adds its share to the tokens that chose it; which experts those are
depends on values, which a graph cannot follow. For a token the sum runs over its own choices, so it is the same to
gather the weights of each token's experts and sum over the choices: `top_k_index` is `[tokens, choices]`, gathered
weights are `[tokens, choices, out, in]`.

Decoding one token reads the weights of its choices only. A prefill chunk gathers them for every token of the chunk,
tokens times choices of them, so its memory grows with the chunk, not with the number of experts.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.parameter_axes import parameter_axes
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, names_in
from qeff_codegen.codemod.tree import walk
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import Bound, Match, find_all, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.rows import EachRow, attributes_holding, is_of_self
from rewrite_rules.vocabulary import pattern

FIND_HITS = """
if ...:
    with torch.no_grad():
        $HITS
else:
    $HITS
"""
TOKENS = "$choice, $token = torch.where($mask[$expert])"
LOOP = pattern(f"""
{FIND_HITS}
...
for $expert in $hit:
    if ...:
        $expert = $expert[0]
    if ...:
        if $expert == self.num_experts:
            continue
    {TOKENS}
    $...computed
    $total.index_add_(0, $token, $share)
""")
ZEROS = pattern("$total = torch.zeros_like($like, ...)")
ZEROS_OF_DTYPE = pattern("$total = torch.zeros_like($_, dtype=$dtype)")
DTYPE = pattern("$total.dtype")
SUM = "$total = $share.sum(dim=(1, 2))"
# What of the loop is missing where it is another one: its parts in order, what each is known by, and what to say.
PREPARED = pattern(FIND_HITS)
PARTS = {
    PREPARED: (pattern("nn.functional.one_hot(...)"), "the experts that were hit are found in another way"),
    pattern(TOKENS): (
        pattern("torch.where(...)"),
        "the tokens of an expert are not found by `torch.where(<mask>[<expert>])`",
    ),
    LOOP: (pattern("$_.index_add_(...)"), "the loop over experts does not end by adding to the result"),
}
# What depends on expert, choice or token, and its form for all choices of all tokens at once. The rank is that of an
# expert's weights, all experts' at once.
PRODUCT = pattern("$LINEAR($states, $weight)")
FORMS = [
    (pattern("$states[$token]"), "$states[:, None, None]", None),
    (pattern("$weights[$token, $choice, None]"), "$weights[:, :, None, None]", None),
    # Weights for every expert, those that a token did not choose among them.
    (pattern("$weights[$token, $expert, None]"), "$weights.gather(1, $chosen)[:, :, None, None]", None),
    (pattern("$weight[$expert]"), "$weight[$chosen]", 3),
    (pattern("$weight[$expert]"), "$weight[$chosen].unsqueeze(-2)", 2),
    (pattern("$weight[$expert.clamp(max=$last)]"), "$weight[$chosen.clamp(max=$last)]", 3),
    (pattern("$expert >= $count"), "$chosen[:, :, None, None] >= $count", None),
    (PRODUCT, "torch.matmul($states, $weight.transpose(-1, -2))", None),
    (pattern("$states.view(-1, $columns)"), "$states.view(*$chosen.shape, 1, $columns)", None),
]
ROWS = ("states", "weights")
# What the loop names: nothing in between may bind it again.
NAMES = ("chosen", "mask", "hit", "expert", "choice", "token", "total")
ANY_PRODUCT = pattern("$LINEAR(...)")
VIEWED = pattern("$held.view($shape)")


class StaticExperts(Rule):
    why = "Which experts are hit depends on values; gathering each token's own experts is the same sum, and static."
    roles = (Role.EXPERTS,)
    expect = Expect.EXACTLY_ONE

    @property
    def construct(self) -> str:
        return f"`{LOOP.shown}`, where each row is computed by itself"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        loops = find_all(LOOP, code)
        if len(loops) != 1:
            raise _missing(code)
        loop = loops[0]
        if not loop.are_names(*NAMES):
            raise Unmatched("what the loop over experts works with has no names", loop.statements[-1])
        cls = anatomy.file.classes[function.owner or ""]
        indices = frozenset(map(loop.name, ("expert", "choice", "token")))
        _refuse(loop, EachRow(cls, attributes_holding(Role.EXPERT, cls, anatomy), indices))
        edits = Edits(code)
        for part in (*loop.rest("computed"), loop["share"]):
            _gather(edits, part, loop, cls, indices)
        _straighten(edits, loop)
        return edits.done(), 1


def _missing(code: Code) -> Unmatched:
    """What of the loop is not there, or in another form."""
    known: Mapping[str, Bound] = {}
    for part, (near, says) in PARTS.items():
        found = find_all(part, code, known)
        if not found:
            places = find_all(near, code)
            return Unmatched(says, places[0].node if places else code.tree)
        known = found[0].bound
    return Unmatched("there is more than one loop over experts", code.tree)


def _refuse(loop: Match, rows: EachRow) -> None:
    """Refuse what is not computed row by row, and what one expert leaves to the next."""
    computed, share = loop.rest("computed"), loop["share"]
    unbound = {name for item in computed for name in names_in(item, ast.Store)}
    for item in (*computed, share):
        if unbound & names_in(item, ast.Load):
            raise Unmatched("the loop over experts hands something on from one expert to the next", item)
        unbound -= names_in(item, ast.Store)
    for item in computed:
        if not isinstance(item, ast.Assign):
            raise Unmatched("the body of the loop over experts branches", item)
    other = next((item for item in computed if not rows.is_line(item)), None if rows.is_row(share) else share)
    if other is not None:
        raise Unmatched("the loop over experts computes something that may not be row by row", other)


def _gather(edits: Edits, part: ast.AST, loop: Match, cls: ModelingClass, indices: frozenset[str]) -> None:
    """Give what depends on expert, choice or token its form for all choices of all tokens at once."""
    known = {name: loop.bound[name] for name in ("expert", "choice", "token", "chosen")}
    gathered, products = set[int](), set[int]()
    for node in reversed(walk(part)):
        form = _form_of(node, known, edits.code, cls)
        if form is None:
            continue
        found, give = form
        make(edits, found, give)
        if isinstance(node, ast.Subscript | ast.Compare):
            gathered |= {id(item) for item in walk(node.slice if isinstance(node, ast.Subscript) else node.left)}
        elif "weight" in found.bound and loop.name("expert") in names_in(found["weight"]):
            products.add(id(node))
    for node in walk(part):
        is_index = isinstance(node, ast.Name) and node.id in indices and id(node) not in gathered
        if is_index or (match(ANY_PRODUCT, node) is not None and id(node) not in products):
            raise Unmatched("the body of the loop over experts uses its indices in another way", part)


def _form_of(node: ast.AST, known: Mapping[str, Bound], code: Code, cls: ModelingClass) -> tuple[Match, str] | None:
    """What `node` is and what it becomes, if it depends on expert, choice or token, or on how many rows there are."""
    for form, give, rank in FORMS:
        found = match(form, node, code.aliases, known)
        if found is None or (rank is not None and _rank(found["weight"], code, cls) != rank):
            continue
        if rank is not None or not any(is_of_self(found[name]) for name in ROWS if name in found.bound):
            return found, give
    return None


def _rank(weight: ast.expr, code: Code, cls: ModelingClass) -> int:
    """How many axes an attribute of `self` has, or a view of one; 0 where that is not known."""
    viewed = match(VIEWED, weight)
    if viewed is not None and is_of_self(viewed["held"]):
        shapes = [named[1] for item in code.body if (named := assigned(item)) and named[0] == viewed.name("shape")]
        return len(shapes[0].elts) if shapes and isinstance(shapes[0], ast.Tuple) else 0
    return parameter_axes(cls, self_attribute(weight) or "")


def _straighten(edits: Edits, loop: Match) -> None:
    """Put what the loop computes in its place, and a sum over the choices and the axis of one token at the end.

    What only prepares the loop goes: the empty result, whose dtype is that of what it was made like if none was said,
    and how the experts that were hit are found. Where nothing else stands above the loop, what it computes stands
    there.
    """
    code, replaced = edits.code, loop.statements[-1]
    zeros = find_all(ZEROS, code, {"total": loop["total"]})
    if len(zeros) != 1:
        raise Unmatched("the result of the experts is not made by `torch.zeros_like(<states>)`", replaced)
    gone = [*zeros[0].statements, *find_all(PREPARED, code, loop.bound)[0].statements]
    above = code.body[: code.body.index(replaced)]
    kept = [item for item in above if item not in gone]
    if (other := next((item for item in kept if loop.name("total") in names_in(item)), None)) is not None:
        raise Unmatched("the result of the experts does not begin as zeros", other)
    for node in walk(loop["share"]):
        if (found := match(DTYPE, node, known=zeros[0].bound)) is not None:
            said = match(ZEROS_OF_DTYPE, zeros[0].node)
            dtype = fill("$like.dtype", found, edits) if said is None else fill("$dtype", said, edits)
            edits.replace(found.expression, dtype)
    first, *rest = loop.rest("computed")
    lines = [edits.statement_text(first), *map(edits.statement_with_comments, rest), fill(SUM, loop, edits)]
    place = replaced if kept else above[0]
    for item in (*gone, replaced):
        if item is not place:
            edits.remove(item)
    edits.replace_statement(place, "".join(lines))
