"""Write the loop over the experts that were hit in one form.

Inference needs no `torch.no_grad()`, leaving a loop early because nobody chose an expert changes no sum, all hits are
the hits, nobody chooses the number after the last expert's, which stands for a choice of another device, and a number
read out of the tensor of hits is that tensor's element. Where experts beyond a count do nothing but hand a token
through, the branch between them and the others becomes a choice by expert: both sides are computed, and the weight of
an expert that has none is the last one's, which is not chosen.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.rows import is_of_self
from rewrite_rules.vocabulary import pattern

HITS = pattern("$mask.nonzero(as_tuple=False)")
NO_GRAD = pattern("with torch.no_grad():\n    ...")
# Nobody chose: of all experts, or of those that the loop is at.
NOBODY = pattern("if $chosen.numel() == 0:\n    return $_")
NOT_THIS = pattern("if $chosen.numel() == 0:\n    continue")
# The class after the last expert, which no token of this device is in.
MASKED, ONE_MORE = pattern("if $expert == $count:\n    continue"), pattern(
    "nn.functional.one_hot($_, num_classes=$count + 1)"
)
ALL_HITS = pattern("for $expert in $hit[:]:\n    $...body")
FOUND = pattern("$choice, $token = torch.where($_)")
NUMBER = pattern("for $hit in $_:\n    $expert = int($hit.item())\n    ...")
SQUEEZED_HITS, NUMBER_OF_HIT = pattern("$mask.nonzero().squeeze(-1)"), pattern("$expert = $expert.item()")
SQUEEZED = pattern("torch.where($mask[$expert].squeeze(0))")
BEYOND = pattern("""
if {$expert >= $count, $expert >= $count or $_ is None}:
    $result = $handed
else:
    $...computed
    $result = $_
""")
MISSING = pattern("$_ or $weight is None")
CHOSEN = "$result = torch.where($expert >= $count, $handed, $result)"
WEIGHT, CLAMPED = pattern("$weight[$expert]"), "$weight[$expert.clamp(max=$count - 1)]"


class ExpertsInOneForm(Rule):
    why = "Loops over the experts that were hit differ in spelling; later rules see one form."
    roles = (Role.EXPERTS,)

    @property
    def construct(self) -> str:
        return f"`{NO_GRAD.shown}`, `{NUMBER.shown}`, `{NOT_THIS.shown}`, and `{BEYOND.shown}` in a loop over experts"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or not any(isinstance(item, ast.For) for item in code.body):
            return code, 0
        edits = Edits(code)
        count = _read_as_elements(edits) + _read_as_rows(edits) + _left_no_more(edits) + _all_visited(edits)
        for found in find_all(HITS, code):
            make(edits, found, "$mask.nonzero()")
            count += 1
        for statement in [item for loop in code.nodes(ast.For) for item in loop.body]:
            if match(NO_GRAD, statement) is not None and isinstance(statement, ast.With):
                edits.replace_statement(statement, "".join(map(edits.statement_with_comments, statement.body)))
                count += 1
            elif isinstance(statement, ast.If) and statement.orelse:
                _choose_by_expert(edits, statement)
                count += 1
        return edits.done(), count


def _left_no_more(edits: Edits) -> int:
    """Go through the loop where nobody chose, too: there is nothing to add."""
    code = edits.code
    found = {name for item in find_all(FOUND, code) for name in names_in(item.node, ast.Store)}
    early = [item for item in find_all(NOBODY, code) if _is_one_of(item["chosen"], code.parameters)]
    early += [item for item in find_all(NOT_THIS, code) if _is_one_of(item["chosen"], found)]
    for item in early:
        edits.remove(code.statement_of(item.node))
    return len(early)


def _all_visited(edits: Edits) -> int:
    """Loop over the hits and not over a slice that holds all of them, and skip no number that nobody chooses."""
    loops = find_all(ALL_HITS, edits.code)
    for found in loops:
        assert isinstance(found.node, ast.For)
        edits.replace(found.node.iter, fill("$hit", found, edits))
    counts = {found["count"] for found in find_all(ONE_MORE, edits.code)}
    skipped = [found for count in counts for found in find_all(MASKED, edits.code, {"count": count})]
    for found in skipped:
        edits.remove(edits.code.statement_of(found.node))
    return len(loops) + len(skipped)


def _is_one_of(node: ast.expr, names: Collection[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _read_as_elements(edits: Edits) -> int:
    """`$expert = int($hit.item())` becomes `$expert = $expert[0]`, and the mask needs no `squeeze(0)`."""
    loops = find_all(NUMBER, edits.code)
    for found in loops:
        loop = found.node
        assert isinstance(loop, ast.For)
        edits.replace(loop.target, fill("$expert", found, edits))
        edits.replace_statement(loop.body[0], fill("$expert = $expert[0]", found, edits))
        for squeezed in find_all(SQUEEZED, edits.code, {"expert": found["expert"]}):
            make(edits, squeezed, "torch.where($mask[$expert])")
    return len(loops)


def _read_as_rows(edits: Edits) -> int:
    """Hits without their last axis, and numbers read out of them, become rows and their only elements."""
    squeezed = find_all(SQUEEZED_HITS, edits.code)
    numbers = find_all(NUMBER_OF_HIT, edits.code) if squeezed else []
    for found in squeezed:
        make(edits, found, "$mask.nonzero()")
    for found in numbers:
        make(edits, found, "$expert = $expert[0]")
    return len(squeezed) + len(numbers)


def _choose_by_expert(edits: Edits, branch: ast.If) -> None:
    """The statements of the `else`, then a choice between their result and that of the `if`."""
    found = match(BEYOND, branch)
    if found is None or not _asks_by_number(branch.test, found):
        raise Unmatched("the loop over experts branches in another way", branch)
    others = branch.orelse
    if (other := next((item for item in others if not isinstance(item, ast.Assign)), None)) is not None:
        raise Unmatched("the branch of an expert branches again", other)
    if names_in(branch.body[0], ast.Load) & {name for item in others for name in names_in(item, ast.Store)}:
        raise Unmatched("both sides of the branch use the same name for different things", branch)
    for item in others:
        _clamp(edits, item, found)
    first, *rest = others
    computed = [edits.statement_text(first), *map(edits.statement_with_comments, rest)]
    edits.replace_statement(branch, "".join(computed) + fill(CHOSEN, found, edits))


def _asks_by_number(test: ast.expr, found: Match) -> bool:
    """Whether a branch asks for an expert's number, and at most for weights that the module may lack."""
    missing = match(MISSING, test)
    asked = [found["count"], *([] if missing is None else [missing["weight"]])]
    return found.are_names("expert", "result") and all(self_attribute(item) is not None for item in asked)


def _clamp(edits: Edits, statement: ast.stmt, branch: Match) -> None:
    """Index weights by a number that is never beyond them."""
    for found in find_all(WEIGHT, edits.code, {"expert": branch["expert"], "count": branch["count"]}):
        if edits.code.statement_of(found.node) is statement and is_of_self(found["weight"]):
            make(edits, found, CLAMPED)
