"""One module of several that a model is made of: its text in the usual layout, and what its names stand for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from qeff_codegen.upstream.plain_layout import is_plain, plain_layout, with_usual_ends


@dataclass(frozen=True)
class ModuleText:
    """A module as text.

    Attributes:
        name: what it is imported as; of a file beside a modeling file that is in no package, its own name alone.
        display_path: how headers and messages call it.
        folder: where the files beside it stand; None for a module of transformers.
        imports: for the modules that it imports relatively, as they are spelled, what is meant, as in `UpstreamModel`.
        lines: its lines, without their ends.
        origins: for each of these, the 1-based line of the file.
        tree: of these lines.
    """

    name: str
    display_path: str
    folder: Path | None
    imports: dict[str, str]
    lines: tuple[str, ...] = field(repr=False)
    origins: tuple[int, ...] = field(repr=False)
    tree: ast.Module = field(repr=False)

    @cached_property
    def statements(self) -> dict[str, ast.stmt]:
        """The statement at the top of the module that binds each name; the last one, where several do."""
        return {name: statement for statement in self.tree.body for name in _bound_by(statement)}

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """The names that `from ... import` at the top brings in, with the module that is meant and the name there."""
        found: dict[str, tuple[str, str]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                module = self.meant(node)
                found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
        return found

    def meant(self, node: ast.ImportFrom) -> str:
        """The absolute module of an import; `.<name>` for a file beside this one that is in no package."""
        spelled = "." * node.level + (node.module or "")
        if spelled in self.imports or not node.level:
            return self.imports.get(spelled, spelled)
        around = self.name.split(".")[: -node.level]
        return ".".join([*around, *([node.module] if node.module else [])])

    @property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes at the top of the module."""
        return {name: node for name, node in self.statements.items() if isinstance(node, ast.ClassDef)}


def module_text(
    name: str, display_path: str, text: str, *, folder: Path | None = None, imports: tuple[tuple[str, str], ...] = ()
) -> ModuleText:
    """Read a module's text.

    Raises:
        SyntaxError: it is no Python.
    """
    source = with_usual_ends(text)
    tree = ast.parse(source)
    lines = tuple(source.removesuffix("\n").split("\n"))
    origins = tuple(range(1, len(lines) + 1))
    if not is_plain(source, tree):
        layout = plain_layout(source)
        lines, origins, tree = tuple(layout.text.splitlines()), layout.origins, ast.parse(layout.text)
    return ModuleText(name, display_path, folder, dict(imports), lines, origins, tree)


def first_line(node: ast.stmt) -> int:
    """The 1-based line a statement begins on, decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def full_name(module: ModuleText, name: str) -> str | None:
    """What a name is that a module imports, with its full name; None for one that it defines itself."""
    statement = module.statements.get(name)
    if isinstance(statement, ast.Import):
        alias = next(item for item in statement.names if (item.asname or item.name.split(".")[0]) == name)
        return alias.name if alias.asname else name
    return ".".join(module.imported[name]) if name in module.imported else None


def same_thing(one: str | None, other: str | None) -> bool:
    """Whether two full names are of one thing.

    transformers hands the same things on under several names: from its own top, and from the module that defines them.
    """
    if one is None or other is None or one == other:
        return one == other
    of_transformers = all(name.startswith("transformers.") for name in (one, other))
    return of_transformers and one.rpartition(".")[2] == other.rpartition(".")[2]


def with_names(module: ModuleText, called: Mapping[str, str]) -> ModuleText:
    """The module with some of the names at its top, or of their attributes, called otherwise wherever it says them."""
    if not called:
        return module
    lines = [line.encode() for line in module.lines]
    places: list[tuple[int, int, str]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and (name := dotted(node)) in called:
            places.append((node.lineno, node.col_offset, name))
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in called:
            column = lines[node.lineno - 1].index(node.name.encode(), len("def "))
            places.append((node.lineno, column, node.name))
    for number, column, name in sorted(places, reverse=True):
        line = lines[number - 1]
        if not line[column:].startswith(name.encode()):
            # An attribute that is spelled over several lines stays what it is.
            continue
        lines[number - 1] = line[:column] + called[name].encode() + line[column + len(name.encode()) :]
    texts = tuple(line.decode() for line in lines)
    return replace(module, lines=texts, tree=ast.parse("\n".join(texts) + "\n"))


def dotted(node: ast.AST) -> str:
    """A name, or an attribute of one, as it is spelled; nothing for any other expression."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def spelled_names(node: ast.AST) -> set[str]:
    """Every name below a node that is read, and every attribute of one."""
    found = {dotted(item) for item in ast.walk(node) if isinstance(getattr(item, "ctx", None), ast.Load)}
    return found - {""}


def _bound_by(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import):
        return [alias.asname or alias.name.split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [alias.asname or alias.name for alias in statement.names]
    if isinstance(statement, ast.If | ast.Try):
        blocks = [statement.body, statement.orelse]
        if isinstance(statement, ast.Try):
            blocks += [statement.finalbody, *(handler.body for handler in statement.handlers)]
        return [name for block in blocks for item in block for name in _bound_by(item)]
    return [
        node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    ]
