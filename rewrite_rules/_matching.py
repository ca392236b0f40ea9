"""Small questions and edits that several rules need."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence

import libcst as cst

from qeff_codegen.anatomy.modeling_file import ModelingClass

CACHE = "past_key_values"
# How many tokens upstream has cached.
SEEN = f"{CACHE}.get_seq_length() if {CACHE} is not None else 0"
_EMPTY = cst.Module([])


def source(node: cst.CSTNode) -> str:
    """A node's source text."""
    return _EMPTY.code_for_node(node)


def spelled(expression: cst.BaseExpression) -> str:
    """An expression's text as `ast.unparse` writes it, so that it compares with what anatomy recorded."""
    return ast.unparse(ast.parse(f"({source(expression)})", mode="eval"))


def line_of(text: str, like: cst.BaseStatement | None = None) -> cst.SimpleStatementLine:
    """A simple statement from its text, with the comments and blank lines of the one whose place it takes, if any."""
    line = cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)
    return line.with_changes(leading_lines=like.leading_lines) if isinstance(like, cst.SimpleStatementLine) else line


def tree_of(function: cst.FunctionDef) -> ast.FunctionDef:
    """A function as `ast` reads it, without decorators."""
    tree = ast.parse(cst.Module([function.with_changes(decorators=(), leading_lines=())]).code).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


def only_statement(line: cst.BaseStatement) -> cst.BaseSmallStatement | None:
    """The statement of a line that holds exactly one simple statement."""
    if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
        return line.body[0]
    return None


def statements_of(suite: cst.BaseSuite) -> list[cst.BaseStatement]:
    """The statements of an indented block; none for a body that stands on the line of its header."""
    return list(suite.body) if isinstance(suite, cst.IndentedBlock) else []


def assigned_name(line: cst.BaseStatement) -> tuple[str, cst.BaseExpression] | None:
    """`(name, value)` when the line is `name = value` or `name: T = value`."""
    statement = only_statement(line)
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
        return (target.value, statement.value) if isinstance(target, cst.Name) else None
    if isinstance(statement, cst.AnnAssign) and statement.value is not None:
        return (statement.target.value, statement.value) if isinstance(statement.target, cst.Name) else None
    return None


def names_read(node: cst.CSTNode) -> set[str]:
    """Every name that `node` reads or binds, keyword names excluded."""
    return {item.id for item in ast.walk(ast.parse(_dedented(node))) if isinstance(item, ast.Name)}


def names_loaded(node: cst.CSTNode) -> set[str]:
    """Every name whose value `node` reads."""
    tree = ast.parse(_dedented(node))
    return {item.id for item in ast.walk(tree) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)}


def names_bound(node: cst.CSTNode) -> set[str]:
    """Every name that `node` assigns to."""
    tree = ast.parse(_dedented(node))
    return {item.id for item in ast.walk(tree) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}


def _dedented(node: cst.CSTNode) -> str:
    if isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
        return cst.Module([node]).code
    return source(node).strip()


def parameter_names(function: cst.FunctionDef) -> tuple[str, ...]:
    """Names of a function's parameters, `*args` and `**kwargs` excluded."""
    params = function.params
    return tuple(item.name.value for item in (*params.posonly_params, *params.params, *params.kwonly_params))


def without_assignments(function: cst.FunctionDef, names: Collection[str]) -> cst.FunctionDef:
    """Drop every statement that only assigns to one of `names`."""
    return cst.ensure_type(function.visit(_DropAssignments(names)), cst.FunctionDef)


def without_overwritten(function: cst.FunctionDef, name: str) -> cst.FunctionDef:
    """Drop every top-level `<name> = ...` that another one follows before anything reads it."""
    body = statements_of(function.body)
    gone: list[cst.BaseStatement] = []
    pending: cst.BaseStatement | None = None
    for item in body:
        if name in names_loaded(item):
            pending = None
        assigned = assigned_name(item)
        if assigned is not None and assigned[0] == name:
            gone += [pending] if pending is not None else []
            pending = item
    kept = [item for item in body if item not in gone]
    return function.with_changes(body=function.body.with_changes(body=kept)) if gone else function


class _DropAssignments(cst.CSTTransformer):
    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        return cst.RemoveFromParent() if assigned is not None and assigned[0] in self.names else updated_node


def modules_made_by(cls: ModelingClass, constructor: str) -> frozenset[str]:
    """`self.<attribute>` for every attribute of a class that only ever holds a `nn.<constructor>`."""
    makers = (f"nn.{constructor}", f"torch.nn.{constructor}")
    return frozenset(
        f"self.{attribute}"
        for attribute, values in cls.assigned.items()
        if all(isinstance(value, ast.Call) and ast.unparse(value.func) in makers for value in values)
    )


def with_parameters(function: cst.FunctionDef, added: Mapping[str, str]) -> cst.FunctionDef:
    """Append `name: annotation = None` for every name that `function` does not take yet."""
    new = {name: annotation for name, annotation in added.items() if name not in parameter_names(function)}
    if not new:
        return function
    params = list(function.params.params)
    separator = _separator(params)
    for name, annotation in new.items():
        params.append(
            cst.Param(cst.Name(name), cst.Annotation(cst.parse_expression(annotation)), default=cst.Name("None"))
        )
    params = [item.with_changes(equal=_spaced_equal(item)) for item in params]
    last = len(params) - 1
    has_more = function.params.star_kwarg is not None or bool(function.params.kwonly_params)
    params = [
        item.with_changes(comma=_comma_or(item.comma, separator)) if index < last or has_more else item
        for index, item in enumerate(params)
    ]
    if not has_more:
        params[last] = params[last].with_changes(comma=function.params.params[-1].comma)
    return function.with_changes(params=function.params.with_changes(params=params))


def without_parameters(function: cst.FunctionDef, names: Iterable[str]) -> cst.FunctionDef:
    """Drop parameters by name."""
    gone = set(names)
    params = function.params
    kept = [item for item in params.params if item.name.value not in gone]
    kwonly = [item for item in params.kwonly_params if item.name.value not in gone]
    if len(kept) == len(params.params) and len(kwonly) == len(params.kwonly_params):
        return function
    if kept and kept[-1] is not params.params[-1]:
        kept[-1] = kept[-1].with_changes(comma=params.params[-1].comma)
    # A bare `*` may only stand before keyword-only parameters.
    bare = isinstance(params.star_arg, cst.ParamStar) and not kwonly
    star = cst.MaybeSentinel.DEFAULT if bare else params.star_arg
    return function.with_changes(params=params.with_changes(params=kept, kwonly_params=kwonly, star_arg=star))


def with_keywords(call: cst.Call, added: Mapping[str, str]) -> cst.Call:
    """Pass further keyword arguments, before `**kwargs` if the call has it."""
    arguments = list(call.args)
    position = next((index for index, item in enumerate(arguments) if item.star == "**"), len(arguments))
    separator = _separator(arguments)
    new = [
        cst.Arg(cst.parse_expression(value), keyword=cst.Name(name), equal=_tight_equal(), comma=separator)
        for name, value in added.items()
    ]
    if position == len(arguments) and arguments:
        new[-1] = new[-1].with_changes(comma=arguments[-1].comma)
        arguments[-1] = arguments[-1].with_changes(comma=_comma_or(arguments[-1].comma, separator))
    return call.with_changes(args=[*arguments[:position], *new, *arguments[position:]])


def without_keywords(call: cst.Call, names: Iterable[str]) -> cst.Call:
    """Drop keyword arguments by name."""
    gone = set(names)
    kept = [item for item in call.args if item.keyword is None or item.keyword.value not in gone]
    return call if len(kept) == len(call.args) else call.with_changes(args=kept)


def _separator(items: Sequence[cst.Arg] | Sequence[cst.Param]) -> cst.Comma:
    """The comma that stands between items, so that new ones are laid out like those already there."""
    for item in items:
        if isinstance(item.comma, cst.Comma):
            after = item.comma.whitespace_after
            if isinstance(after, cst.ParenthesizedWhitespace):
                after = after.with_changes(first_line=cst.TrailingWhitespace(newline=cst.Newline()), empty_lines=[])
            return cst.Comma(whitespace_after=after)
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _comma_or(comma: cst.Comma | cst.MaybeSentinel, separator: cst.Comma) -> cst.Comma:
    """The item's own comma when it already leads to a next item, else the separator."""
    if isinstance(comma, cst.Comma) and isinstance(comma.whitespace_after, cst.ParenthesizedWhitespace):
        closing = not comma.whitespace_after.last_line.value
        if comma.whitespace_after.first_line.comment is not None or not closing:
            return comma
    return separator


def _tight_equal() -> cst.AssignEqual:
    return cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def _spaced_equal(item: cst.Param) -> cst.AssignEqual | cst.MaybeSentinel:
    return item.equal if item.annotation is None else cst.MaybeSentinel.DEFAULT
