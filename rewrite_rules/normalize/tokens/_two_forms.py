"""Whether the text for one token computes what the text for many computes.

Each calls one form of a function that upstream has in two. What the form for one token is given, it has without an
axis for tokens, or with further axes by which its operations broadcast: the same values in another shape.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingFile, bind
from qeff_codegen.anatomy.state_functions import CONVOLUTION, StateFunction, calls_known
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.tree import find, spelled, walk
from qeff_codegen.engine.rule import Unmatched
from qeff_codegen.patterns.match import equal, match
from rewrite_rules.vocabulary import pattern

# What changes the shape of a tensor, or its type, and none of its values.
RESHAPED = pattern(
    "{$of.view(...), $of.reshape(...), $of.transpose(...), $of.expand(...), $of.squeeze(...), $of.unsqueeze(...),"
    " $of.to(...), $of.float()}"
)
# How a form for one token calls what the other form calls otherwise.
OTHER_NAMES = {"dt_bias": "delta_bias", "dt_softplus": "delta_softplus"}
# The state that the form for one token writes itself; how many tokens, and what the results are, is the other's.
OF_ONE = {"state", "conv_state"}
OF_MANY = {"initial_state", "initial_states"}
# What is computed for a head, put beside that of the others.
GATHERED = pattern("$outputs.append($output)")
GATED = pattern("{$gate if not $norm else None, $gate}")
GATED_AFTERWARDS = pattern("""
if $norm:
    ...
else:
    $out = $out * {nn.functional.silu, torch.nn.functional.silu}($gate)
""")


def refuse_other_computation(branch: ast.If, state: ast.expr, code: Code, file: ModelingFile) -> None:
    """Refuse a branch for one token unless it computes what the other computes for many.

    Raises:
        Unmatched: another function, other values, or statements that do more.
    """
    one, first = _only_call(branch.body, branch, file, one_token=True)
    many, second = _only_call(branch.orelse, branch, file, one_token=False)
    if first.computes != second.computes:
        raise Unmatched(f"one token is computed by `{spelled(one.func)}`, many by `{spelled(many.func)}`", one)
    locals_of_one = dict(
        named for item in branch.body if item.lineno < one.lineno and (named := assigned(item)) is not None
    )
    given_one, given_many = _given(one, file), _given(many, file)
    for name, value in given_one.items():
        other = given_many.get(name, given_many.get(OTHER_NAMES.get(name, name)))
        if name in OF_ONE or name in OF_MANY:
            values = _values(value, {})
            if spelled(values.value if isinstance(values, ast.Subscript) else values) != spelled(state):
                raise Unmatched(f"one token is computed from another state: `{name}={spelled(value)}`", one)
        elif not _same(value, other, locals_of_one) and not _is_gated_afterwards(name, value, other, branch.orelse):
            shown = "nothing" if other is None else f"`{spelled(other)}`"
            raise Unmatched(f"one token is computed with `{name}={spelled(value)}`, many with {shown}", one)
    if first.computes != CONVOLUTION:
        for name in OF_MANY & set(given_many):
            if spelled(given_many[name]) != spelled(state):
                raise Unmatched(f"many tokens go on from another state: `{spelled(given_many[name])}`", many)
    _refuse_more(branch, one)


def _only_call(
    statements: list[ast.stmt], branch: ast.If, file: ModelingFile, *, one_token: bool
) -> tuple[ast.Call, StateFunction]:
    """The one call of a known function among statements, of the form that is wanted."""
    known = [item for statement in statements for item in calls_known(statement, file)]
    found = [item for item in known if item[1].one_token is one_token]
    if len(known) != 1 or len(found) != 1:
        tokens = "one token is" if one_token else "many tokens are"
        raise Unmatched(
            f"{tokens} computed by no function whose text is known", statements[0] if statements else branch
        )
    return found[0]


def _given(call: ast.Call, file: ModelingFile) -> dict[str, ast.expr]:
    """What a call gives a function, by parameter; what goes into its `**kwargs` is read by kernels alone."""
    function = file.functions[spelled(call.func)]
    names = {item.arg for item in (*function.args.args, *function.args.kwonlyargs)}
    return {name: value for name, value in bind(call, function).items() if name in names}


def _same(value: ast.expr, other: ast.expr | None, locals_of_one: dict[str, ast.expr]) -> bool:
    """Whether two expressions are the same values, whatever their shape."""
    if other is None:
        return isinstance(value, ast.Constant) and value.value is None
    return equal(_values(value, locals_of_one), _values(other, {}))


def _values(value: ast.expr, known: dict[str, ast.expr]) -> ast.expr:
    """What an expression takes its values from: reshaping, and locals that stand for it, are looked through."""
    while True:
        if (reshaped := match(RESHAPED, value)) is not None:
            value = reshaped["of"]
        elif isinstance(value, ast.Subscript) and (others := _choosing(value.slice)) is not None:
            inner = _values(value.value, known)
            return inner if not others else ast.Subscript(inner, others[0], ast.Load())
        elif isinstance(value, ast.Name) and value.id in known:
            known, value = {name: item for name, item in known.items() if name != value.id}, known[value.id]
        else:
            return value


def _choosing(index: ast.expr) -> list[ast.expr] | None:
    """What of an index chooses, at most one head by name; None where it chooses otherwise.

    `[..., 0]`, `[:, 0]` and `[:, None]` choose nothing: the only token of an axis, or a further axis.
    """
    axes = index.elts if isinstance(index, ast.Tuple) else [index]
    others = [
        axis
        for axis in axes
        if not (isinstance(axis, ast.Slice) and not any(ast.iter_child_nodes(axis)))
        and not (isinstance(axis, ast.Constant) and axis.value in (0, None, ...))
    ]
    return others if len(others) < 2 and all(isinstance(axis, ast.Name) for axis in others) else None


def _is_gated_afterwards(name: str, value: ast.expr, other: ast.expr | None, statements: list[ast.stmt]) -> bool:
    """Whether the gate that one token's form takes is multiplied in after the other form."""
    gated = match(GATED, value) if name == "z" else None
    nothing = other is None or (isinstance(other, ast.Constant) and other.value is None)
    if gated is None or not nothing or "norm" not in gated.bound:
        return False
    afterwards = [found for item in statements if (found := match(GATED_AFTERWARDS, item)) is not None]
    return any(
        equal(found["norm"], gated["norm"]) and equal(_values(found["gate"], {}), _values(gated["gate"], {}))
        for found in afterwards
    )


def _refuse_more(branch: ast.If, call: ast.Call) -> None:
    """Refuse statements for one token that neither call, nor reshape, nor stand in the other text too."""
    others = [node for item in branch.orelse for node in walk(item) if isinstance(node, (ast.stmt, ast.expr))]
    loops = [(spelled(node.target), spelled(node.iter)) for node in others if isinstance(node, ast.For)]
    for loop in [node for item in branch.body for node in find(ast.For, item)]:
        if (spelled(loop.target), spelled(loop.iter)) not in loops:
            raise Unmatched("for one token upstream goes through other heads than for many", loop)
    for statement in _simple(branch.body):
        named = assigned(statement)
        if named is not None and (_values(named[1], {}) is call or isinstance(_values(named[1], {}), ast.Name)):
            continue
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call) and statement.value is call:
            continue
        if named is not None and isinstance(_values(named[1], {}), ast.Attribute):
            continue
        if match(GATHERED, statement) is not None:
            continue
        if not any(equal(statement, item) for item in others if isinstance(item, ast.stmt)):
            raise Unmatched("for one token upstream does more than for many", statement)


def _simple(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Statements, and those inside of loops and branches in their place."""
    found: list[ast.stmt] = []
    for item in statements:
        found += _simple([*item.body, *item.orelse]) if isinstance(item, (ast.If, ast.For)) else [item]
    return found
