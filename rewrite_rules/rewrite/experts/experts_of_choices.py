"""Compute the chosen experts of every token with gathered weights, where upstream computes all experts for all tokens.

Upstream repeats the tokens for each expert, scaled by scores that are zero where the token did not choose the expert,
lets every expert compute its copy, and adds the copies up. Experts that make zero of zero add nothing where they were
not chosen, so it is the same to let the chosen ones compute: `chosen` is `[tokens, choices]`, rows are
`[tokens, choices, 1, columns]`.

Decoding one token reads the weights of its choices only.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.codemod.signatures import describe
from qeff_codegen.codemod.tree import walk
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.rows import activations_of
from rewrite_rules.vocabulary import pattern

CHOSEN, WEIGHTS = "chosen", "routing_weights"
# The end of the router: scores are zero but for as many experts as a token chooses.
SCORES = pattern("""
...
$top, $index = torch.topk($logits, self.top_k, dim={1, -1})
$scores = torch.full_like($logits, float("-inf")).scatter_(1, $index, $top)
$scores = {torch.sigmoid, nn.functional.sigmoid}($scores.float()).to($scores.dtype)
return $scores, $_
""")
# The dispatcher, from tokens as rows to what the experts make of them; the last three become three others.
REPEATS = pattern("""
$states = {$states.reshape(-1, $_), $states.view(-1, $_)}
$scores, $_ = $router($states)
$rows = $states.repeat($scores.shape[1], 1)
$rows = $rows * $scores.transpose(0, 1).reshape(-1, 1)
$results = $experts($rows)
""")
GATHERS = (
    f"{WEIGHTS}, {CHOSEN} = torch.topk($scores, $router.top_k, dim=-1)",
    f"$rows = $states[:, None] * {WEIGHTS}[..., None]",
    f"$results = $experts($rows, {CHOSEN})",
)
SUM_OF_ALL = pattern("$results.reshape($scores.shape[1], -1, $results.shape[-1]).sum(dim=0)")
SUM_OF_CHOICES = "$results.sum(dim=1)"
# The experts, which take and give one stretch of rows for each.
STRETCHES = pattern("""
$rows = $rows.view($_.shape[0], -1, $_)
$...computed
$result = $result.view(-1, $_)
return $result
""")
PRODUCT, GATHERED = pattern("torch.bmm($rows, $weight)"), f"torch.matmul($rows, $weight[{CHOSEN}])"
HALVES = pattern("$rows.chunk(2, dim=-1)")


class ExpertsOfChoices(Rule):
    why = "All experts would be computed for every decoded token; the weights of its choices are gathered instead."
    roles = (Role.DENSE_EXPERTS, Role.DENSE_DISPATCHER)
    expect = Expect.EXACTLY_ONE

    @property
    def construct(self) -> str:
        return (
            f"scores that are zero but for `topk(self.top_k)`, `{REPEATS.shown}`, added up by `{SUM_OF_ALL}`, and "
            f"experts that make zero of zero by `{PRODUCT}`, `{HALVES}` and products"
        )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        if {CHOSEN, WEIGHTS} & code.names:
            raise Unmatched(f"`{CHOSEN}` or `{WEIGHTS}` is a name for something else here", code.tree)
        cls = anatomy.file.classes[function.owner or ""]
        edits = Edits(code)
        if function.role is Role.DENSE_EXPERTS:
            _let_chosen_compute(edits, cls)
        else:
            _hand_out_choices(edits, cls, anatomy)
        return edits.done(), 1


def _let_chosen_compute(edits: Edits, cls: ModelingClass) -> None:
    code = edits.code
    given = code.tree.args.args[-1]
    found = match(STRETCHES, code.body, code.aliases)
    if found is None or parameters(code.tree) != (given.arg,) or found.name("rows") != given.arg:
        raise Unmatched("the experts do not take and give one stretch of rows for each expert", code.body[0])
    _refuse_more_than_zero(found.rest("computed"), given.arg, found["result"], cls)
    edits.insert(code.places.span(given)[1], f", {CHOSEN}" + (": torch.Tensor" if given.annotation else ""))
    for product in reversed(find_all(PRODUCT, code)):
        make(edits, product, GATHERED)
    edits.replace_statement(code.statement_of(found["rows"]), fill("$rows = $rows.unsqueeze(-2)", found, edits))
    edits.replace_statement(code.body[-2], fill("$result = $result.squeeze(-2)", found, edits))
    describe(
        edits, f"Apply to every row of `{given.arg}`, [tokens, choices, in], the weight of its `{CHOSEN}` expert."
    )


def _refuse_more_than_zero(computed: list[ast.stmt], rows: str, result: ast.expr, cls: ModelingClass) -> None:
    """Refuse a line whose result is not zero wherever the rows are."""
    activations = activations_of(cls)
    zero = {rows}

    def is_zero(value: ast.expr) -> bool:
        if isinstance(value, ast.Name):
            return value.id in zero
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
            sides = (value.left, value.right)
            return any(map(is_zero, sides)) and all(is_zero(side) or is_activation(side) for side in sides)
        if (product := match(PRODUCT, value)) is not None:
            return is_zero(product["rows"]) and self_attribute(product["weight"]) is not None
        halves = match(HALVES, value)
        return halves is not None and is_zero(halves["rows"])

    def is_activation(value: ast.expr) -> bool:
        return (
            isinstance(value, ast.Call) and self_attribute(value.func) in activations and all(map(is_zero, value.args))
        )

    for statement in computed:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not is_zero(statement.value):
            raise Unmatched("an expert may make something of nothing", statement)
        zero |= names_in(statement.targets[0])
    if not names_in(result) <= zero:
        raise Unmatched("the experts return something else than they computed", result)


def _hand_out_choices(edits: Edits, cls: ModelingClass, anatomy: Anatomy) -> None:
    code = edits.code
    found = next(iter(find_all(REPEATS, code)), None)
    if found is None or not _leaves_zeros(anatomy, cls, self_attribute(found["router"]) or ""):
        says = "the tokens are not repeated and scaled by scores that are zero but for the chosen"
        raise Unmatched(says, code.body[0])
    after = code.body[code.body.index(found.statements[-1]) + 1 :]
    sums = find_all(SUM_OF_ALL, code, found.bound)
    watched = (found.name("rows"), found.name("results"))
    read = [node for item in after for node in walk(item) if isinstance(node, ast.Name) and node.id in watched]
    # The sum names the results twice.
    if len(sums) != 1 or len(read) != 2:
        raise Unmatched("what the experts compute is not added up over all experts", code.body[-1])
    for statement, give in zip(found.statements[2:], GATHERS, strict=True):
        edits.replace_statement(statement, fill(give, found, edits))
    make(edits, sums[0], SUM_OF_CHOICES)


def _leaves_zeros(anatomy: Anatomy, cls: ModelingClass, router: str) -> bool:
    """Whether the router's scores are zero but for as many experts as its `top_k` says."""
    built = cls.built.get(router, ())
    forward = anatomy.file.classes[built[0]].forward if len(built) == 1 else None
    return (
        forward is not None
        and not forward.decorator_list
        and match(SCORES, forward.body, anatomy.file.aliases) is not None
    )
