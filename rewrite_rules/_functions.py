"""Questions about whole functions: which of them run in the graph, and what they hand on without naming it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.finished_module import FinishedModule

# What only hands positions, cache and batch index on: it stands between those that are given them and those that use
# them.
BETWEEN = (Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)


def generated_functions(module: FinishedModule) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Generated functions and methods; `__qeff_init__` runs once, before the graph is made."""
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name != "__qeff_init__":
                    yield f"{node.name}.{item.name}", item


def staying_functions(module: FinishedModule) -> Iterator[tuple[str, ast.FunctionDef]]:
    """What stays upstream's and still runs: methods of classes that are not mapped, and helper functions.

    A helper function runs when generated code imports it or when something else that stays calls it.
    """
    mapped = {entry.upstream_class for entry in module.mappings}
    file = module.anatomy.file
    pending = [name for name, source in module.imports.items() if source == file.upstream.module]
    for name in module.anatomy.reachable:
        for method in file.classes[name].methods.values() if name not in mapped else ():
            if method.name != "__init__":
                yield f"{name}.{method.name}", method
                pending += names_in(method)
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in file.functions and name not in seen:
            seen.add(name)
            yield name, file.functions[name]
            pending += names_in(file.functions[name])


def names_in(tree: ast.AST) -> list[str]:
    """Every name that `tree` reads or binds."""
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def line_of(node: ast.AST, function: ast.FunctionDef) -> int:
    """The line where a node of a function begins; the function's own for a node that has none."""
    return getattr(node, "lineno", function.lineno)


def first_use(module: FinishedModule, name: str) -> int | None:
    """The first line of the generated file that reads or binds `name`, imports aside."""
    lines = (node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node.id == name)
    return min(lines, default=None)


def parents_in(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """The parent of every node below `tree`."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def carried_by_kwargs(forward: ast.FunctionDef, callees: Collection[str]) -> Callable[[str], bool]:
    """Says of a name whether `forward` hands it on to every one of its `callees` inside `**kwargs`.

    It does when it spreads `**kwargs` in each of those calls and uses it for nothing else, and knows nothing by that
    name itself.

    Args:
        forward: a forward on the call path.
        callees: spellings of the calls of the next parts.
    """
    kwarg = forward.args.kwarg
    spread = {
        keyword.value: ast.unparse(call.func)
        for call in ast.walk(forward)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg is None
    }
    calls = [node for node in ast.walk(forward) if isinstance(node, ast.Call) and ast.unparse(node.func) in callees]
    uses = [node for node in ast.walk(forward) if isinstance(node, ast.Name) and kwarg and node.id == kwarg.arg]
    only_spread = len(uses) == len(calls) > 0 and all(spread.get(use) in callees for use in uses)
    known = {node.arg for node in ast.walk(forward) if isinstance(node, ast.arg | ast.keyword)}
    known |= {node.id for node in ast.walk(forward) if isinstance(node, ast.Name)}
    return lambda name: only_spread and name not in known


def names_standing_for(functions: Collection[str], forward: ast.FunctionDef) -> set[str]:
    """Local names that stand for one of `functions` wherever they are bound."""
    nodes = list(ast.walk(forward))
    bound = Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    standing = Counter(
        target.id
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and ast.unparse(node.value) in functions
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    )
    return {name for name, count in standing.items() if count == bound[name]}


def values_of(name: str, tree: ast.AST) -> list[str]:
    """Everything a local is bound to, as source; what adds to it, or annotates it, as the whole statement."""
    return [
        ast.unparse(node.value) if isinstance(node, ast.Assign) else ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Assign) and name in {ast.unparse(target) for target in node.targets})
        or (isinstance(node, (ast.AugAssign, ast.AnnAssign)) and ast.unparse(node.target) == name)
    ]
