"""Compute the chosen experts of every token with gathered weights, where upstream computes all experts for all tokens.

Upstream repeats the tokens for each expert, scaled by scores that are zero where the token did not choose the expert,
lets every expert compute its copy, and adds the copies up. Experts that make zero of zero add nothing where they were
not chosen, so it is the same to let the chosen ones compute: `chosen` is `[tokens, choices]`, rows are
`[tokens, choices, 1, columns]`.

Decoding one token reads the weights of its choices only.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.dense_experts import ONE_STRETCH_EACH
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._each_row import EachRow
from rewrite_rules._matching import line_of, names_read, source, spelled, statements_of, tree_of

CHOSEN, WEIGHTS = "chosen", "routing_weights"
# The end of the router: scores are zero but for as many experts as a token chooses.
SCORES = re.compile(
    r"\(?(?P<top>\w+), (?P<index>\w+)\)? = torch\.topk\((?P<logits>\w+), self\.top_k, dim=(?:1|-1)\)\n"
    r"(?P<scores>\w+) = torch\.full_like\((?P=logits), float\('-inf'\)\)\.scatter_\(1, (?P=index), (?P=top)\)\n"
    r"(?P=scores) = (?:torch\.nn\.functional|torch|F)\.sigmoid\((?P=scores)\.float\(\)\)\.to\((?P=scores)\.dtype\)\n"
    r"return \(?(?P=scores), \w+\)?"
)
SCORES_LENGTH = 4
# The dispatcher, from tokens as rows to what the experts make of them.
REPEATS = re.compile(
    r"(?P<states>\w+) = (?P=states)\.(?:reshape|view)\(-1, self\.\w+\)\n"
    r"\(?(?P<scores>\w+), \w+\)? = self\.(?P<router>\w+)\((?P=states)\)\n"
    r"(?P<rows>\w+) = (?P=states)\.repeat\((?P=scores)\.shape\[1\], 1\)\n"
    r"(?P=rows) = (?P=rows) \* (?P=scores)\.transpose\(0, 1\)\.reshape\(-1, 1\)\n"
    r"(?P<results>\w+) = self\.(?P<experts>\w+)\((?P=rows)\)"
)
REPEATS_LENGTH = 5
HALVES = ".chunk(2, dim=-1)"


class ExpertsOfChoices(Rule):
    why = "All experts would be computed for every decoded token; the weights of its choices are gathered instead."
    roles = (Role.DENSE_EXPERTS, Role.DENSE_DISPATCHER)
    expect = Expect.EXACTLY_ONE
    construct = (
        "scores that are zero but for `topk(self.top_k)`, tokens repeated and scaled by them, and experts that make "
        "zero of zero by `torch.bmm(<rows>, self.<weight>)`, halves of columns and products"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        if {CHOSEN, WEIGHTS} & names_read(function.node):
            raise Unmatched(f"`{CHOSEN}` or `{WEIGHTS}` is a name for something else here", function.node.params)
        cls = anatomy.file.classes[function.owner or ""]
        if function.role is Role.DENSE_EXPERTS:
            return _experts(function.node, cls), 1
        return _dispatcher(function.node, cls, anatomy), 1


# -- experts -------------------------------------------------------------------------------------------------------


def _experts(node: cst.FunctionDef, cls: ModelingClass) -> cst.FunctionDef:
    tree, lines = tree_of(node), statements_of(node.body)
    start = 1 if ast.get_docstring(tree) is not None else 0
    first, *middle, last, returned = tree.body[start:]
    rows = ONE_STRETCH_EACH.fullmatch(ast.unparse(first))
    result = re.fullmatch(r"(\w+) = \1\.view\(-1, self\.\w+\)", ast.unparse(last))
    if rows is None or result is None or ast.unparse(returned) != f"return {result[1]}" or rows[1] != _given(tree):
        raise Unmatched("the experts do not take and give one stretch of rows for each expert", lines[start])
    _refuse_more_than_zero(middle, {rows[1]}, result[1], cls, lines[start + 1 :])
    gather = _Gather()
    new = [
        line_of(
            f'"""Apply to every row of `{rows[1]}`, [tokens, choices, in], the weight of its `{CHOSEN}` expert."""'
        ),
        line_of(f"{rows[1]} = {rows[1]}.unsqueeze(-2)"),
        *(cst.ensure_type(item.visit(gather), cst.SimpleStatementLine) for item in lines[start + 1 : -2]),
        line_of(f"{result[1]} = {result[1]}.squeeze(-2)", lines[-2]),
        lines[-1],
    ]
    typed = cst.Annotation(cst.parse_expression("torch.Tensor")) if node.params.params[-1].annotation else None
    params = [
        node.params.params[0],
        node.params.params[1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))),
        cst.Param(cst.Name(CHOSEN), typed),
    ]
    return node.with_changes(params=node.params.with_changes(params=params), body=node.body.with_changes(body=new))


def _given(tree: ast.FunctionDef) -> str:
    """The one parameter beside `self`."""
    names = [item.arg for item in tree.args.args]
    only = len(names) == 2 and not tree.args.kwonlyargs and tree.args.vararg is None and tree.args.kwarg is None
    return names[1] if only else ""


def _refuse_more_than_zero(
    middle: list[ast.stmt], zero: set[str], result: str, cls: ModelingClass, lines: list[cst.BaseStatement]
) -> None:
    """Refuse a line whose result is not zero wherever the rows are."""
    activations = EachRow(cls).activations

    def is_zero(value: ast.expr) -> bool:
        if isinstance(value, ast.Name):
            return value.id in zero
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
            sides = (value.left, value.right)
            return any(map(is_zero, sides)) and all(is_zero(side) or is_activation(side) for side in sides)
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "torch.bmm" and len(value.args) == 2:
            return is_zero(value.args[0]) and re.fullmatch(r"self\.\w+", ast.unparse(value.args[1])) is not None
        halves = value.func if isinstance(value, ast.Call) and ast.unparse(value).endswith(HALVES) else None
        return isinstance(halves, ast.Attribute) and is_zero(halves.value)

    def is_activation(value: ast.expr) -> bool:
        called = ast.unparse(value.func).removeprefix("self.") if isinstance(value, ast.Call) else ""
        return isinstance(value, ast.Call) and called in activations and all(map(is_zero, value.args))

    for statement, line in zip(middle, lines, strict=False):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not is_zero(statement.value):
            raise Unmatched("an expert may make something of nothing", line)
        target = statement.targets[0]
        zero |= {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
    if result not in zero:
        raise Unmatched("the experts return something else than they computed", lines[-1])


class _Gather(cst.CSTTransformer):
    """Multiply with the weights of the chosen experts instead of with those of all."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if source(updated_node.func) != "torch.bmm":
            return updated_node
        rows, weight = (source(item.value) for item in updated_node.args)
        return cst.parse_expression(f"torch.matmul({rows}, {weight}[{CHOSEN}])")


# -- dispatcher ----------------------------------------------------------------------------------------------------


def _dispatcher(node: cst.FunctionDef, cls: ModelingClass, anatomy: Anatomy) -> cst.FunctionDef:
    lines = statements_of(node.body)
    texts = [ast.unparse(item) for item in tree_of(node).body]
    start, found = next(
        (
            (index, match)
            for index in range(len(texts))
            if (match := REPEATS.fullmatch("\n".join(texts[index : index + REPEATS_LENGTH])))
        ),
        (0, None),
    )
    if found is None or not _leaves_zeros(anatomy, cls, found["router"]):
        raise Unmatched("the tokens are not repeated and scaled by scores that are zero but for the chosen", lines[0])
    states, scores, rows, results = (found[name] for name in ("states", "scores", "rows", "results"))
    weigh = f"{WEIGHTS}, {CHOSEN} = torch.topk({scores}, self.{found['router']}.top_k, dim=-1)"
    adder = _Add(f"{results}.reshape({scores}.shape[1], -1, {results}.shape[-1]).sum(dim=0)", f"{results}.sum(dim=1)")
    after = [item.visit(adder) for item in lines[start + REPEATS_LENGTH :]]
    read = sum(
        isinstance(item, ast.Name) and item.id in (rows, results)
        for text in texts[start + REPEATS_LENGTH :]
        for item in ast.walk(ast.parse(text))
    )
    # The sum names the results twice.
    if adder.count != 1 or read != 2:
        raise Unmatched("what the experts compute is not added up over all experts", lines[-1])
    new = [
        *lines[: start + 2],
        line_of(weigh, lines[start + 2]),
        line_of(f"{rows} = {states}[:, None] * {WEIGHTS}[..., None]", lines[start + 3]),
        line_of(f"{results} = self.{found['experts']}({rows}, {CHOSEN})", lines[start + 4]),
        *after,
    ]
    return node.with_changes(body=node.body.with_changes(body=new))


def _leaves_zeros(anatomy: Anatomy, cls: ModelingClass, router: str) -> bool:
    """Whether the router's scores are zero but for as many experts as its `top_k` says."""
    built = cls.built.get(router, ())
    forward = anatomy.file.classes[built[0]].forward if len(built) == 1 else None
    if forward is None or forward.decorator_list:
        return False
    return SCORES.fullmatch("\n".join(ast.unparse(item) for item in forward.body[-SCORES_LENGTH:])) is not None


class _Add(cst.CSTTransformer):
    """Add up over the choices of a token what upstream adds up over all experts."""

    def __init__(self, over_all: str, over_choices: str) -> None:
        self.over_all = over_all
        self.over_choices = over_choices
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if spelled(updated_node) != self.over_all:
            return updated_node
        self.count += 1
        return cst.parse_expression(self.over_choices)
