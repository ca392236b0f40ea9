"""Mutators that write the same thing in another way: what the generator may refuse, and must not misread."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, bodies, expressions, on_one_line, simple_statements, walk


def rename_local(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Give a local variable another name."""
    parameters = {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)}
    stored = {node.id for node in walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    local = sorted(stored - parameters)
    if not local:
        return []
    name = rng.choice(local)
    uses = [node for node in expressions(function) if isinstance(node, ast.Name) and node.id == name]
    return [text.replace(node, f"{name}_renamed") for node in uses]


def rename_everywhere(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Give a parameter another name in the whole file: its functions, their bodies, and calls of the file's own."""
    parameters = sorted(
        {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)} - {"self", "config", "kwargs"}
    )
    if not parameters:
        return []
    name = rng.choice(parameters)
    own = {node.name for node in ast.walk(text.tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    edits = []
    for node in ast.walk(text.tree):
        if isinstance(node, ast.Name) and node.id == name:
            edits.append(text.replace(node, f"{name}_renamed"))
        elif isinstance(node, ast.arg) and node.arg == name:
            start, _ = text.span(node)
            edits.append(Edit(start, start + len(name), f"{name}_renamed"))
        elif isinstance(node, ast.Call):
            imported = isinstance(node.func, ast.Name) and node.func.id not in own
            for keyword in node.keywords if not imported else ():
                if keyword.arg == name:
                    start, _ = text.span(keyword)
                    edits.append(Edit(start, start + len(name), f"{name}_renamed"))
    return edits


def reorder_keywords(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Exchange two keyword arguments of a call."""
    calls = [
        named
        for node in expressions(function)
        if isinstance(node, ast.Call) and len(named := [item for item in node.keywords if item.arg is not None]) > 1
    ]
    if not calls:
        return []
    one, other = rng.sample(rng.choice(calls), 2)
    return [text.replace(one, text.of(other)), text.replace(other, text.of(one))]


def reorder_statements(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Exchange two neighbouring statements, neither of which names what the other binds."""
    simple = simple_statements(function)
    pairs = [
        (one, other)
        for block in bodies(function)
        for one, other in zip(block, block[1:], strict=False)
        if one in simple and other in simple and _independent(one, other)
    ]
    if not pairs:
        return []
    one, other = rng.choice(pairs)
    return [text.replace(one, text.of(other)), text.replace(other, text.of(one))]


def _independent(one: ast.stmt, other: ast.stmt) -> bool:
    if isinstance(one, ast.Return) or isinstance(other, ast.Return):
        return False
    return not (_bound(one) & _named(other) or _bound(other) & _named(one))


def _bound(statement: ast.stmt) -> set[str]:
    return {
        ast.unparse(node)
        for node in ast.walk(statement)
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store)
    }


def _named(statement: ast.stmt) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(statement) if isinstance(node, (ast.Name, ast.Attribute))}


def extra_variable(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Give a part of a statement a name of its own on the line above."""
    sites = [
        (statement, node)
        for statement in simple_statements(function)
        for node in ast.walk(statement)
        if isinstance(node, (ast.Call, ast.BinOp, ast.Subscript, ast.Attribute, ast.Name))
        and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        and _evaluated_first(statement, node)
    ]
    if not sites:
        return []
    statement, node = rng.choice(sites)
    line = f"extra_variable = {on_one_line(text.of(node))}"
    return [text.before(statement, line), text.replace(node, "extra_variable")]


def _evaluated_first(statement: ast.stmt, node: ast.AST) -> bool:
    """Whether the node is the value or an argument of it, outside comprehensions and conditional expressions."""
    value = getattr(statement, "value", None)
    inside = {id(item) for item in ast.walk(value)} if isinstance(value, ast.AST) else set()
    late = (
        ast.ListComp,
        ast.GeneratorExp,
        ast.DictComp,
        ast.SetComp,
        ast.IfExp,
        ast.BoolOp,
        ast.Lambda,
        ast.JoinedStr,
    )
    hidden = {id(item) for part in ast.walk(statement) if isinstance(part, late) for item in ast.walk(part)}
    return id(node) in inside - hidden


def split_assignment(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Turn `x = a + b` into `x = a` and `x = x + b`, or into `x = a` and `x += b`."""
    sites = [
        node
        for node in simple_statements(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.targets[0], ast.Name)
    ]
    if not sites:
        return []
    statement = rng.choice(sites)
    value, name = statement.value, text.of(statement.targets[0])
    assert isinstance(value, ast.BinOp)
    sign, right = _SIGNS.get(type(value.op), "+"), text.of(value.right)
    if type(value.op) not in _SIGNS or name in {
        item.id for item in ast.walk(value.right) if isinstance(item, ast.Name)
    }:
        return []
    second = f"{name} {sign}= {right}" if rng.random() < 0.5 else f"{name} = {name} {sign} {on_one_line(right)}"
    return [text.replace(value, on_one_line(text.of(value.left))), text.after(statement, second)]


_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS: dict[type[ast.operator], str] = {
    ast.Add: "torch.add",
    ast.Sub: "torch.sub",
    ast.Mult: "torch.mul",
    ast.MatMult: "torch.matmul",
}


def operator_as_function(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Write `a + b` as `torch.add(a, b)`, or exchange the operands of a sum or a product."""
    sites = [node for node in expressions(function) if isinstance(node, ast.BinOp) and type(node.op) in _FUNCTIONS]
    if not sites:
        return []
    node = rng.choice(sites)
    left, right = text.of(node.left), text.of(node.right)
    if rng.random() < 0.5 and isinstance(node.op, (ast.Add, ast.Mult)):
        return [text.replace(node, f"({on_one_line(right)} {_SIGNS[type(node.op)]} {on_one_line(left)})")]
    return [text.replace(node, f"{_FUNCTIONS[type(node.op)]}({left}, {right})")]


def method_as_function(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Write `x.transpose(1, 2)` as `torch.transpose(x, 1, 2)`, and `torch.matmul(a, b)` as `a @ b`."""
    methods = {"transpose", "unsqueeze", "mean", "sum", "pow", "cos", "sin", "softmax"}
    sites = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr in methods and not _is_torch(node.func.value) or ast.unparse(node.func) == "torch.matmul")
    ]
    if not sites:
        return []
    node = rng.choice(sites)
    assert isinstance(node.func, ast.Attribute)
    if node.func.attr == "matmul":
        return [text.replace(node, f"({' @ '.join(on_one_line(text.of(item)) for item in node.args)})")]
    arguments = [text.of(item) for item in (node.func.value, *node.args, *node.keywords)]
    return [text.replace(node, f"torch.{node.func.attr}({', '.join(arguments)})")]


def _is_torch(expression: ast.expr) -> bool:
    return ast.unparse(expression).split(".")[0] in ("torch", "nn", "F")


def wrap_in_branch(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Put a statement under a condition that always holds, or under both branches of one."""
    statements = [node for node in simple_statements(function) if not isinstance(node, ast.Return)]
    if not statements:
        return []
    statement = rng.choice(statements)
    indent = " " * statement.col_offset
    inner = text.of(statement).replace("\n", "\n    ")
    condition = rng.choice(["self is not None", "True", "not torch.is_grad_enabled()", "1 < 2"])
    wrapped = f"if {condition}:\n{indent}    {inner}"
    if rng.random() < 0.5:
        wrapped += f"\n{indent}else:\n{indent}    {inner}"
    return [text.replace(statement, wrapped)]


DISGUISES = (
    rename_local,
    rename_everywhere,
    reorder_keywords,
    reorder_statements,
    extra_variable,
    split_assignment,
    operator_as_function,
    method_as_function,
    wrap_in_branch,
)
