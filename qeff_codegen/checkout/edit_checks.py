"""What an edit of `pytorch_transforms.py` by whole lines must not do: break the file, or take anybody's line along."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator

from qeff_codegen.checkout.module_mapping import MAPPING
from qeff_codegen.checkout.python_file import RULE
from qeff_codegen.checkout.transforms_file import ImportStatement, TransformsFile
from qeff_codegen.errors import Location, Refusal


def check_rewritable(file: TransformsFile, statement: ImportStatement) -> None:
    """An import statement that is to be written anew has its lines for itself.

    Raises:
        Refusal: a comment or another statement stands on them.
    """
    for number in range(statement.first, statement.last + 1):
        line = file.lines[number - 1]
        if "#" in line or ";" in line:
            raise Refusal(
                f"the imports from `{statement.module}` would be written anew, and something else stands there",
                rule=RULE,
                location=Location(file.path, number, line),
                expected="the statement alone on its lines, or a name a line with a comma after each",
                next_step="move the comment above the statement, or give every name its line",
            )


def check_nothing_lost(
    before: str, after: str, path: str, lines: Collection[int] = (), names: Collection[str] = ()
) -> None:
    """An edited file is Python, and has every import and every entry that it had, and all other code unchanged.

    Args:
        before: the file.
        after: the file with the edit.
        path: of the file, for messages.
        lines: of `before`, whose entries the edit changes or takes out; 1-based.
        names: what the file calls things whose imports the edit may take out.

    Raises:
        Refusal: something else is changed.
    """
    try:
        new = ast.parse(after)
    except SyntaxError as error:
        line = error.lineno or 1
        edited = after.splitlines()
        where = Location(path, line, edited[line - 1] if line <= len(edited) else "")
        raise _refusal(f"{path} would be no valid Python after the edit: {error.msg}", where) from error
    old = ast.parse(before)
    left = Counter(item for item, _ in _items(new))
    for item, line in _items(old):
        may_go = line in lines or item[0] == "import" and item[-1] in names
        if not left[item] and not may_go:
            where = Location(path, line, before.splitlines()[line - 1])
            raise _refusal(f"the edit of {path} would take out `{item[-1]}`, which it has nothing to do with", where)
        left[item] -= 1
    if other_code(old) != other_code(new):
        raise _refusal(f"the edit of {path} would change more than imports and entries", Location(path, 1))


def _refusal(what: str, where: Location) -> Refusal:
    return Refusal(
        what,
        rule=RULE,
        location=where,
        expected="import statements and mappings as `ruff format` lays them out",
        next_step="run `ruff format` on the file, and run this again",
    )


def _items(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every imported name and every entry, with its line; last in each item is what a reader knows it by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = f"{'.' * node.level}{node.module or ''}"
            for alias in node.names:
                yield ("import", module, alias.name, alias.asname or alias.name), alias.lineno
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                value = _mapping(statement)
                if isinstance(value, ast.Dict):
                    for key, replacement in zip(value.keys, value.values, strict=True):
                        spelled = f"{ast.unparse(key) if key else '**'}: {ast.unparse(replacement)}"
                        yield ("entry", node.name, spelled), (key or replacement).lineno
                elif isinstance(value, ast.Set):
                    for element in value.elts:
                        yield ("entry", node.name, ast.unparse(element)), element.lineno


def _mapping(statement: ast.stmt) -> ast.expr | None:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and target.id == MAPPING:
        return statement.value
    return None


class _Others(ast.NodeTransformer):
    """Takes out what edits are about."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        return None if isinstance(_mapping(node), ast.Dict | ast.Set) else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign | None:
        return None if isinstance(_mapping(node), ast.Dict | ast.Set) else node


def other_code(tree: ast.Module) -> str:
    """Everything but imports and mappings, comments and layout aside. Takes them out of `tree`."""
    return ast.dump(_Others().visit(tree))
