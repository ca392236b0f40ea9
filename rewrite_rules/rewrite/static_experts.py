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
import re
from itertools import pairwise

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._each_row import EachRow
from rewrite_rules._matching import (
    assigned_name,
    names_bound,
    names_loaded,
    names_read,
    only_statement,
    source,
    statements_of,
)

LINEAR = {"nn.functional.linear", "F.linear", "torch.nn.functional.linear"}
# Every expert that some token chose: left out of the sum is none, counted twice is none.
HITS = re.compile(
    r"(\w+) = (torch\.)?(nn\.functional|F)\.one_hot\(\w+, num_classes=self\.\w+( \+ 1)?\)"
    r"(\n\1 = \1)?\.permute\(2, 1, 0\)\n"
    r"\w+ = torch\.greater\(\1\.sum\(dim=\(-1, -2\)\), 0\)\.nonzero\(\)"
)
MASK = re.compile(r"(\w+) = [\w.]*one_hot\(")
VIEW = re.compile(r"self(?:\.\w+)+\.view\((\w+)\)")


class StaticExperts(Rule):
    why = "Which experts are hit depends on values; gathering each token's own experts is the same sum, and static."
    roles = (Role.EXPERTS,)
    expect = Expect.EXACTLY_ONE
    construct = (
        "`for <expert> in <hit>:` over `one_hot(<chosen>, ...)`, whose body takes `<states>[<token>]`, applies "
        "`self.<weight>[<expert>]`, scales by `<weights>[<token>, <choice>, None]` and adds with `index_add_`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        return _Vectorized(function.node, anatomy, function.owner or "").function(), 1


def _expert_modules(anatomy: Anatomy, owner: str) -> frozenset[str]:
    """Attributes that hold the module which computes one expert, whose own lines are looked at by another rule."""
    names = {part.name for part in anatomy.parts(Role.EXPERT)}
    built = anatomy.file.classes[owner].built
    return frozenset(attribute for attribute, made in built.items() if made and set(made) <= names)


def _parameter_ranks(anatomy: Anatomy, owner: str) -> dict[str, int]:
    """`self.<name>` to its number of axes, for parameters made as `nn.Parameter(torch.empty(a, b, ...))`."""
    ranks: dict[str, int] = {}
    for attribute, values in anatomy.file.classes[owner].assigned.items():
        for value in values:
            if isinstance(value, ast.Call) and ast.unparse(value.func) == "nn.Parameter" and value.args:
                made = value.args[0]
                if isinstance(made, ast.Call) and ast.unparse(made.func) in ("torch.empty", "torch.zeros"):
                    sizes = made.args[0].elts if isinstance(made.args[0], ast.Tuple) else made.args
                    ranks[f"self.{attribute}"] = len(sizes)
    return ranks


class _Vectorized:
    """The forward with its loop replaced; raises Unmatched at the first statement that is not understood."""

    def __init__(self, node: cst.FunctionDef, anatomy: Anatomy, owner: str) -> None:
        self.node = node
        self.ranks = _parameter_ranks(anatomy, owner)
        self.cls = anatomy.file.classes[owner]
        self.modules = _expert_modules(anatomy, owner)
        self.body = statements_of(node.body)
        self.at = next(index for index, item in enumerate(self.body) if isinstance(item, cst.For))
        self.loop = cst.ensure_type(self.body[self.at], cst.For)

    def function(self) -> cst.FunctionDef:
        """The rewritten forward."""
        total = self._total()
        chosen = self._chosen()
        statements = statements_of(self.loop.body)
        expert, choice, token = self._header(statements)
        gather = _Gather(chosen, expert, choice, token, {**self.ranks, **self._views()})
        rows = EachRow(self.cls, self.modules, frozenset({expert, choice, token}))
        self._refuse_carried(statements)
        straight = [
            cst.ensure_type(self._straight(item, rows).visit(gather), cst.SimpleStatementLine)
            for item in statements[:-1]
        ]
        last = self._summed(statements[-1], total, token, rows)
        straight.append(cst.ensure_type(last.visit(gather), cst.SimpleStatementLine))
        if gather.unknown is not None:
            raise Unmatched("the body of the loop over experts uses its indices in another way", gather.unknown)
        before = [item for item in self._without_hits() if not self._is_bookkeeping(item, total)]
        other = next((item for item in before if total in names_read(item)), None)
        if other is not None:
            raise Unmatched("the result of the experts does not begin as zeros", other)
        straight[0] = straight[0].with_changes(leading_lines=self.loop.leading_lines if before else [])
        new = [*before, *straight, *self.body[self.at + 1 :]]
        return self.node.with_changes(body=self.node.body.with_changes(body=new))

    def _without_hits(self) -> list[cst.BaseStatement]:
        """What stands before the loop, without two statements that find the experts that were hit."""
        found = self.body[: self.at]
        for index, (first, second) in enumerate(pairwise(found)):
            if HITS.fullmatch("\n".join(ast.unparse(ast.parse(source(item).strip())) for item in (first, second))):
                return [*found[:index], *found[index + 2 :]]
        return found

    def _views(self) -> dict[str, int]:
        """`<weights>.view(<shape>)` to its number of axes, for shapes that are written out before the loop."""
        assigned = [assigned_name(item) for item in self.body[: self.at]]
        axes = {item[0]: len(item[1].elements) for item in assigned if item and isinstance(item[1], cst.Tuple)}
        text = source(self.loop)
        return {found[0]: axes[found[1]] for found in VIEW.finditer(text) if found[1] in axes}

    def _total(self) -> str:
        """The tensor that collects the sum: what `index_add_` is called on."""
        last = statements_of(self.loop.body)[-1]
        statement = only_statement(last)
        if isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call):
            function = statement.value.func
            if isinstance(function, cst.Attribute) and function.attr.value == "index_add_":
                return source(function.value)
        raise Unmatched("the loop over experts does not end by adding to the result", last)

    def _chosen(self) -> str:
        """The tensor of chosen experts: the argument of the one `one_hot` before the loop."""
        finder = _FindOneHot()
        for item in self.body[: self.at]:
            item.visit(finder)
        if len(finder.arguments) != 1:
            raise Unmatched("the experts that were hit do not come from one `one_hot`", self.loop)
        return finder.arguments[0]

    def _mask(self) -> str:
        """The mask of choices: what `one_hot` is assigned to."""
        return next(found[1] for item in self.body[: self.at] if (found := MASK.search(source(item))) is not None)

    def _header(self, statements: list[cst.BaseStatement]) -> tuple[str, str, str]:
        """Names of expert, choice and token; takes the statements that bind them off the front."""
        expert = source(self.loop.target)
        first = assigned_name(statements[0])
        if first is not None and first[0] == expert and source(first[1]) == f"{expert}[0]":
            statements.pop(0)
        if isinstance(statements[0], cst.If) and source(statements[0].test) == f"{expert} == self.num_experts":
            statements.pop(0)
        where = only_statement(statements[0])
        if isinstance(where, cst.Assign) and isinstance(where.targets[0].target, cst.Tuple):
            names = [source(item.value) for item in where.targets[0].target.elements]
            value = source(where.value)
            if len(names) == 2 and value == f"torch.where({self._mask()}[{expert}])":
                statements.pop(0)
                return expert, names[0], names[1]
        raise Unmatched("the tokens of an expert are not found by `torch.where(<mask>[<expert>])`", statements[0])

    def _refuse_carried(self, statements: list[cst.BaseStatement]) -> None:
        """Refuse what one expert leaves to the next: a name that the loop binds and reads before it does."""
        unbound = {name for item in statements for name in names_bound(item)}
        for item in statements:
            if unbound & names_loaded(item):
                raise Unmatched("the loop over experts hands something on from one expert to the next", item)
            unbound -= names_bound(item)

    def _straight(self, item: cst.BaseStatement, rows: EachRow) -> cst.SimpleStatementLine:
        if not isinstance(only_statement(item), cst.Assign):
            raise Unmatched("the body of the loop over experts branches", item)
        if not rows.is_line(ast.parse(source(item).strip()).body[0]):
            raise Unmatched("the loop over experts computes something that may not be row by row", item)
        return cst.ensure_type(item, cst.SimpleStatementLine)

    def _summed(self, item: cst.BaseStatement, total: str, token: str, rows: EachRow) -> cst.SimpleStatementLine:
        """`total.index_add_(0, token, share)` becomes a sum over the choices and over the axis of one token."""
        call = cst.ensure_type(cst.ensure_type(only_statement(item), cst.Expr).value, cst.Call)
        arguments = [source(argument.value) for argument in call.args]
        if len(arguments) != 3 or arguments[:2] != ["0", token]:
            raise Unmatched("a token's share is not added by `index_add_(0, <token>, <share>)`", item)
        if not rows.is_row(ast.parse(arguments[2], mode="eval").body):
            raise Unmatched("the loop over experts computes something that may not be row by row", item)
        share = arguments[2].replace(f"{total}.dtype", f"{self._like(total)}.dtype")
        share = share if share.isidentifier() or share.endswith(")") else f"({share})"
        return cst.ensure_type(cst.parse_statement(f"{total} = {share}.sum(dim=(1, 2))"), cst.SimpleStatementLine)

    def _like(self, total: str) -> str:
        """The tensor that the empty result is made like, so has the dtype of."""
        for item in self.body[: self.at]:
            assigned = assigned_name(item)
            if assigned is not None and assigned[0] == total and isinstance(assigned[1], cst.Call):
                if source(assigned[1].func) == "torch.zeros_like":
                    return source(assigned[1].args[0].value)
        raise Unmatched("the result of the experts is not made by `torch.zeros_like(<states>)`", self.loop)

    def _is_bookkeeping(self, item: cst.BaseStatement, total: str) -> bool:
        """Statements that only prepare the loop: the empty result, the mask of choices, the experts that were hit."""
        assigned = assigned_name(item)
        if assigned is not None:
            return assigned[0] == total and source(assigned[1]).startswith("torch.zeros")
        if isinstance(item, cst.With):
            names = [assigned_name(inner) for inner in statements_of(item.body)]
            hits = all(name is not None for name in names) and "one_hot" in source(item)
            text = ast.unparse(ast.parse(source(item))).split("\n    ", 1)[1].replace("\n    ", "\n")
            if hits and not HITS.fullmatch(text):
                raise Unmatched("the experts that were hit are found in another way", item)
            return hits
        return False


class _FindOneHot(cst.CSTVisitor):
    def __init__(self) -> None:
        self.arguments: list[str] = []

    def visit_Call(self, node: cst.Call) -> None:
        if source(node.func).split(".")[-1] == "one_hot":
            self.arguments.append(source(node.args[0].value))


class _Gather(cst.CSTTransformer):
    """Replace what depends on expert, choice or token by its form for all choices of all tokens at once."""

    def __init__(self, chosen: str, expert: str, choice: str, token: str, ranks: dict[str, int]) -> None:
        self.chosen = chosen
        self.indices = {expert, choice, token}
        self.forms = {f"[{token}]": "[:, None, None]", f"[{token}, {choice}, None]": "[:, :, None, None]"}
        self.expert = f"[{expert}]"
        self.ranks = ranks
        self.unknown: cst.CSTNode | None = None

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if isinstance(updated_node.func, cst.Attribute) and updated_node.func.attr.value == "view":
            return self._viewed(updated_node, updated_node.func)
        if source(updated_node.func) not in LINEAR:
            return updated_node
        if len(updated_node.args) != 2 or f"[{self.chosen}" not in source(updated_node.args[1].value):
            self.unknown = self.unknown or original_node
            return updated_node
        states, weight = (source(argument.value) for argument in updated_node.args)
        return cst.parse_expression(f"torch.matmul({states}, {weight}.transpose(-1, -2))")

    def _viewed(self, call: cst.Call, function: cst.Attribute) -> cst.BaseExpression:
        """`<states>.view(-1, <columns>)`, one row for each token of an expert, is one row for each choice."""
        arguments = [source(argument.value) for argument in call.args]
        if isinstance(function.value, cst.Name) and len(arguments) == 2 and arguments[0] == "-1":
            return cst.parse_expression(f"{source(function)}(*{self.chosen}.shape, 1, {arguments[1]})")
        return call

    def leave_Comparison(self, original_node: cst.Comparison, updated_node: cst.Comparison) -> cst.BaseExpression:
        """`<expert> >= <count>`, one truth for each expert, is one for each choice."""
        if source(original_node.left) != self.expert[1:-1]:
            return updated_node
        return updated_node.with_changes(left=cst.parse_expression(f"{self.chosen}[:, :, None, None]"))

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        value = source(original_node.value)
        index = source(original_node)[len(value) :]
        if index in self.forms and not value.startswith("self."):
            return cst.parse_expression(f"{value}{self.forms[index]}")
        if index == self.expert and self.ranks.get(value) == 3:
            return cst.parse_expression(f"{value}[{self.chosen}]")
        if index.startswith(f"{self.expert[:-1]}.clamp(max=") and self.ranks.get(value) == 3:
            return cst.parse_expression(f"{value}{index.replace(self.expert[:-1], f'[{self.chosen}', 1)}")
        if index == self.expert and self.ranks.get(value) == 2:
            return cst.parse_expression(f"{value}[{self.chosen}].unsqueeze(-2)")
        return updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        tree = ast.parse(source(updated_node).strip())
        if self.indices & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
            self.unknown = self.unknown or original_node
        return updated_node
