"""Mutators that mean something else: what the generator must refuse or follow."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, expressions, on_one_line, simple_statements, walk

_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: "<",
    ast.GtE: ">",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
# Names of methods and functions that can stand in for each other.
_TWINS = {
    "cos": "sin",
    "sin": "cos",
    "mean": "sum",
    "sum": "mean",
    "rsqrt": "sqrt",
    "softmax": "sigmoid",
    "sigmoid": "tanh",
    "create_causal_mask": "create_sliding_window_causal_mask",
    "create_sliding_window_causal_mask": "create_causal_mask",
    "repeat_interleave": "tile",
    "q_proj": "k_proj",
    "k_proj": "v_proj",
    "v_proj": "k_proj",
    "input_layernorm": "post_attention_layernorm",
    "post_attention_layernorm": "input_layernorm",
}


def swap_operator(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another arithmetic operator between two operands."""
    sites = [node for node in expressions(function) if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS]
    if not sites:
        return []
    node = rng.choice(sites)
    sign = rng.choice([sign for kind, sign in _OPERATORS.items() if kind is not type(node.op)])
    return [text.replace(node, f"({on_one_line(text.of(node.left))} {sign} {on_one_line(text.of(node.right))})")]


def change_constant(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another number, or the other truth value."""
    sites = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float))
    ]
    if not sites:
        return []
    node = rng.choice(sites)
    assert isinstance(node.value, (int, float))
    if isinstance(node.value, bool):
        return [text.replace(node, str(not node.value))]
    return [text.replace(node, f"({rng.choice([node.value + 1, node.value - 1, node.value * 2, -node.value])})")]


def change_comparison(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another comparison."""
    sites = [node for node in expressions(function) if isinstance(node, ast.Compare) and len(node.ops) == 1]
    if not sites:
        return []
    node = rng.choice(sites)
    sign = _COMPARISONS[type(node.ops[0])]
    return [text.replace(node, f"({text.of(node.left)} {sign} {text.of(node.comparators[0])})")]


def negate_condition(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """The opposite of a condition."""
    sites = [node.test for node in walk(function) if isinstance(node, (ast.If, ast.IfExp))]
    if not sites:
        return []
    test = rng.choice(sites)
    return [text.replace(test, f"not {on_one_line(text.of(test))}")]


def swap_arguments(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Exchange the values of two arguments of a call, or two elements of a tuple."""
    sites = []
    for node in expressions(function):
        if isinstance(node, ast.Call):
            sites.append([*node.args, *(item.value for item in node.keywords if item.arg is not None)])
        elif isinstance(node, ast.Tuple):
            sites.append(node.elts)
    sites = [values for values in sites if len(values) > 1 and not any(isinstance(v, ast.Starred) for v in values)]
    if not sites:
        return []
    one, other = rng.sample(rng.choice(sites), 2)
    return [text.replace(one, text.of(other)), text.replace(other, text.of(one))]


def drop_keyword(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Pass None for a keyword argument, or not at all."""
    sites = [
        (node, item)
        for node in expressions(function)
        if isinstance(node, ast.Call)
        for item in node.keywords
        if item.arg is not None
    ]
    if not sites:
        return []
    call, keyword = rng.choice(sites)
    if rng.random() < 0.3:
        return [text.replace(keyword.value, "None")]
    kept = [text.of(item) for item in (*call.args, *call.keywords) if item is not keyword]
    return [text.replace(call, f"{text.of(call.func)}({', '.join(kept)})")]


def drop_statement(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Leave a statement out."""
    statements = [node for node in simple_statements(function) if not isinstance(node, ast.Return)]
    return [text.replace(rng.choice(statements), "pass")] if statements else []


def double_statement(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Run a statement twice."""
    statements = [node for node in simple_statements(function) if not isinstance(node, ast.Return)]
    if not statements:
        return []
    statement = rng.choice(statements)
    return [text.after(statement, text.of(statement))]


def replace_name(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Read another local name."""
    local = {node.id for node in walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    local |= {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)} - {"self"}
    sites = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in local
    ]
    if not sites or len(local) < 2:
        return []
    node = rng.choice(sites)
    return [text.replace(node, rng.choice(sorted(local - {node.id})))]


def replace_attribute(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Call a method's or function's twin, or read another attribute of `self` or of the configuration."""
    attributes = [node for node in expressions(function) if isinstance(node, ast.Attribute)]
    twins = [(node, f"{text.of(node.value)}.{_TWINS[node.attr]}") for node in attributes if node.attr in _TWINS]
    names = [node for node in expressions(function) if isinstance(node, ast.Name) and node.id in _TWINS]
    calls = [*twins, *((node, _TWINS[node.id]) for node in names)]
    if calls and rng.random() < 0.5:
        return [text.replace(*rng.choice(calls))]
    groups = [
        [node for node in attributes if ast.unparse(node.value) == owner]
        for owner in ("self", "config", "self.config")
    ]
    groups = [group for group in groups if len({node.attr for node in group}) > 1]
    if not groups:
        return []
    group = rng.choice(groups)
    node = rng.choice(group)
    other = rng.choice(sorted({item.attr for item in group} - {node.attr}))
    return [text.replace(node, f"{text.of(node.value)}.{other}")]


def change_default(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another default for a parameter."""
    defaults = [item for item in (*function.args.defaults, *function.args.kw_defaults) if item is not None]
    if not defaults:
        return []
    node = rng.choice(defaults)
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool):
        return [text.replace(node, str(not value))]
    return [text.replace(node, str(value + 1) if isinstance(value, (int, float)) else rng.choice(["0", "1", "True"]))]


def change_loop(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Loop backwards, or over all but the first or the last."""
    loops = [node for node in walk(function) if isinstance(node, ast.For)]
    if not loops:
        return []
    iterable = rng.choice(loops).iter
    wrapped = rng.choice(["reversed(list({}))", "list({})[1:]", "list({})[:-1]", "list({})[::-1]"])
    return [text.replace(iterable, wrapped.format(text.of(iterable)))]


def swap_operands_of_return(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Return two values the other way round, and take them so wherever the function is called by name."""
    returns = [
        node.value
        for node in walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2
    ]
    if not returns:
        return []
    pairs = list(returns)
    name = function.name
    if rng.random() < 0.7:
        for node in ast.walk(text.tree):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            called = ast.unparse(node.value.func).split(".")[-1]
            target = node.targets[0]
            if isinstance(target, ast.Tuple) and len(target.elts) == 2:
                if called == name or (name == "forward" and "attn" in called):
                    pairs.append(target)
    edits = []
    for pair in pairs:
        edits += [text.replace(pair.elts[0], text.of(pair.elts[1])), text.replace(pair.elts[1], text.of(pair.elts[0]))]
    return edits


CHANGES = (
    swap_operator,
    change_constant,
    change_comparison,
    negate_condition,
    swap_arguments,
    drop_keyword,
    drop_statement,
    double_statement,
    replace_name,
    replace_attribute,
    change_default,
    change_loop,
    swap_operands_of_return,
)
