"""One text of a modeling file and of what it takes from other modules, so that all of it can be read and rewritten.

A file that subclasses another file's classes is a model together with these. What it imports of them, directly or not,
is put behind its own text, definition by definition, and its own classes are spelled out with what they inherit. Each
line of the text knows the file it comes from; each name that another module defines, that module. A name that means
something else in the file already is another one in the text: `<name>_of_<module>`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile

from qeff_codegen.upstream.module_text import ModuleText, first_line, full_name, same_thing, spelled_names, with_names
from qeff_codegen.upstream.neighbours import Neighbours
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.spelled_out import Defined, Line, bases, inherits, lines_of, spelled_out


@dataclass
class _Joined:
    """What is known while the text grows.

    Attributes:
        taken: by module and name there, the statements that other modules define.
        names: what these are called in the text.
        imports: imports of other modules that what was taken needs, by what they bring in.
        imported_as: by module and name there, what an import of another module brings in under another name.
    """

    root: ModuleText
    neighbours: Neighbours
    taken: dict[tuple[str, str], tuple[ModuleText, ast.stmt]] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    imports: dict[str, ast.stmt] = field(default_factory=dict)
    imported_as: dict[tuple[str, str], str] = field(default_factory=dict)

    def defined(self, name: str) -> ast.stmt | None:
        """What the text has by that name, of its own or taken."""
        own = self.root.statements.get(name)
        if own is not None and name not in self.root.imported:
            return own
        return next((self.taken[key][1] for key, called in self.names.items() if called == name), None)


def joined(upstream: UpstreamModel, root: ModuleText, neighbours: Neighbours) -> UpstreamModel:
    """`upstream` with the text of `root` and of all that it takes from its neighbours; as it is where that is nothing.

    Raises:
        Refusal: a file beside it cannot be read.
    """
    state = _Joined(root, neighbours)
    renamed: dict[str, str] = {}
    read = spelled_names(root.tree)
    for name, (module, original) in sorted(_brought_in(root).items()):
        defining = neighbours.defining(root, module, original) if name in read else None
        if defining is not None:
            called = _take(state, *defining)
            renamed |= {name: called} if name != called else {}
    whole = with_names(root, renamed)
    classes = {name: Defined(node, whole) for name, node in whole.classes.items()}
    if not state.taken and not any(_is_spelled_out(name, classes, whole) for name in classes):
        return upstream
    lines = _put_together(state, whole)
    places = tuple((line.path, line.number) for line in lines)
    defined_in = tuple(sorted((state.names[key], *key) for key in state.taken))
    modules = {module.display_path: module for module, _ in state.taken.values()}
    return replace(
        upstream,
        source="".join(f"{line.text}\n" for line in lines),
        places=places,
        defined_in=defined_in,
        heads=tuple((path, tuple(takewhile(_is_remark, module.lines))) for path, module in sorted(modules.items())),
    )


def _is_remark(line: str) -> bool:
    return line.startswith("#") or not line.strip()


def _brought_in(root: ModuleText) -> dict[str, tuple[str, str]]:
    """What the file says that an import brings in: names, and attributes of imported modules as they are spelled."""
    found = dict(root.imported)
    for spelled in spelled_names(root.tree):
        first, _, rest = spelled.partition(".")
        module = full_name(root, first) if rest else None
        if module is not None:
            found[spelled] = tuple(f"{module}.{rest}".rsplit(".", 1))  # type: ignore[assignment]
    return found


def _take(state: _Joined, module: ModuleText, name: str) -> str:
    """Take a definition of another module, and what it reads there; gives what it is called in the text."""
    pending = [(module, name)]
    while pending:
        source, wanted = pending.pop()
        key = (source.name, wanted)
        if key in state.names:
            continue
        statement = source.statements[wanted]
        known = state.defined(wanted)
        shared = known is not None and isinstance(known, ast.FunctionDef) and _same(known, statement)
        state.names[key] = wanted if known is None or shared else _apart(wanted, source)
        if shared:
            continue
        for other in _bound_with(source, wanted):
            state.names.setdefault((source.name, other), other)
            state.taken[source.name, other] = (source, statement)
        for read in sorted(_names_read(statement)):
            defining = state.neighbours.defining(source, *source.imported[read]) if read in source.imported else None
            further = source.statements.get(read)
            if defining is not None:
                pending.append(defining)
            elif further is not None and (read in source.imported or isinstance(further, ast.Import)):
                _import(state, source, read, further)
            elif further is not None:
                pending.append((source, read))
    return state.names[module.name, name]


def _import(state: _Joined, module: ModuleText, name: str, statement: ast.stmt) -> None:
    """Take over an import of another module; under another name where the text means something else by it."""
    meaning = full_name(module, name)
    own = state.root.statements.get(name)
    called = name
    if own is not None or name in state.imports:
        known = full_name(state.root, name) if own is not None else _full_name_of(state.imports[name])
        if same_thing(known, meaning):
            return
        called = _apart(name, module)
        state.imported_as[module.name, name] = called
    if name in module.imported:
        source, original = module.imported[name]
        alias = ast.alias(original, called if called != original else None)
        state.imports[called] = ast.ImportFrom(source, [alias], 0)
    else:
        assert isinstance(statement, ast.Import)
        alias = next(item for item in statement.names if (item.asname or item.name.split(".")[0]) == name)
        state.imports[called] = ast.Import([alias if called == name else ast.alias(alias.name, called)])


def _apart(name: str, module: ModuleText) -> str:
    """What a name of another module is called where the text means something else by it."""
    return f"{name}_of_{module.name.rpartition('.')[2]}"


def _full_name_of(statement: ast.stmt) -> str | None:
    """The full name of what an import of one name brings in."""
    module = ModuleText("", "", None, {}, (), (), ast.Module([statement], []))
    (name,) = module.statements
    return full_name(module, name)


def _put_together(state: _Joined, root: ModuleText) -> list[Line]:
    """The root's lines, what imports it still needs, and the definitions that it takes, module by module."""
    modules = {module.name: module for module, _ in state.taken.values()}
    called = {name: _names_in(state, module) for name, module in modules.items()}
    modules = {name: with_names(module, called[name]) for name, module in modules.items()}
    wanted = {
        name: sorted({module.statements[called[name].get(own, own)].lineno for at, own in state.taken if at == name})
        for name, module in modules.items()
    }
    statements = {
        name: [item for item in module.tree.body if item.lineno in wanted[name]] for name, module in modules.items()
    }
    classes = {name: Defined(node, root) for name, node in root.classes.items()}
    for name, module in modules.items():
        classes |= {item.name: Defined(item, module) for item in statements[name] if isinstance(item, ast.ClassDef)}
    found = _root_lines(state, root, classes)
    path, number = root.display_path, root.origins[-1]
    found += [Line(ast.unparse(statement), path, number) for _, statement in sorted(state.imports.items())]
    gap = [Line("", root.display_path, root.origins[-1])] * 2
    for name, module in modules.items():
        for item in statements[name]:
            found += gap
            if isinstance(item, ast.ClassDef) and _is_spelled_out(item.name, classes, root):
                found += spelled_out(item.name, classes)
            else:
                found += _with_absolute_imports(module, item)
    return found


def _names_in(state: _Joined, module: ModuleText) -> dict[str, str]:
    """What names of another module are called in the text, where that is otherwise."""
    names = {**state.names, **state.imported_as}
    found = {own: called for (at, own), called in names.items() if at == module.name and own != called}
    for name, item in module.imported.items():
        defining = state.neighbours.defining(module, *item)
        called = None if defining is None else state.names.get((defining[0].name, defining[1]))
        if called is not None and called != name:
            found[name] = called
    return found


def _with_absolute_imports(module: ModuleText, statement: ast.stmt) -> list[Line]:
    """The lines of a definition, where it imports relatively with the module that is meant."""
    first = first_line(statement)
    found = lines_of(module, range(first, (statement.end_lineno or statement.lineno) + 1))
    for node in ast.walk(statement):
        if isinstance(node, ast.ImportFrom) and node.level:
            line = found[node.lineno - first]
            text = re.sub(r"from\s+\.+[\w.]*\s+import", f"from {module.meant(node)} import", line.text, count=1)
            found[node.lineno - first] = replace(line, text=text)
    return found


def _root_lines(state: _Joined, root: ModuleText, classes: dict[str, Defined]) -> list[Line]:
    """The root's own lines, without the imports of what is taken, its classes spelled out."""
    found: list[Line] = []
    done = 0
    for statement in root.tree.body:
        first, last = first_line(statement), statement.end_lineno or statement.lineno
        if isinstance(statement, ast.ImportFrom) and (left := _left_of(state, statement)) is not None:
            found += lines_of(root, range(done + 1, first))
            found += [Line(left, root.display_path, root.origins[first - 1])] if left else []
            done = last
        elif root.classes.get(getattr(statement, "name", "")) is statement and _is_spelled_out(
            statement.name, classes, root
        ):
            found += lines_of(root, range(done + 1, first))
            found += spelled_out(statement.name, classes)
            done = last
    return found + lines_of(root, range(done + 1, len(root.lines) + 1))


def _left_of(state: _Joined, statement: ast.ImportFrom) -> str | None:
    """What an import of the root says without the names that are taken; None where it stays as it is."""
    kept = [alias for alias in statement.names if not _is_taken(state, alias)]
    if len(kept) == len(statement.names):
        return None
    return ast.unparse(ast.ImportFrom(statement.module, kept, statement.level)) if kept else ""


def _is_taken(state: _Joined, alias: ast.alias) -> bool:
    imported = state.root.imported.get(alias.asname or alias.name)
    defining = None if imported is None else state.neighbours.defining(state.root, *imported)
    return defining is not None and (defining[0].name, defining[1]) in state.names


def _is_spelled_out(name: str, classes: dict[str, Defined], root: ModuleText) -> bool:
    """Whether a class takes something from another module's class, or has no forward but its base's."""
    own = classes[name]
    if not inherits(name, classes):
        return False
    before, seen = list(bases(name, classes)), {name}
    while before:
        base = before.pop()
        if base in seen:
            continue
        seen.add(base)
        if classes[base].module.name != own.module.name:
            return True
        before += bases(base, classes)
    return own.module.name == root.name and "forward" not in own.methods


def _bound_with(module: ModuleText, name: str) -> Iterator[str]:
    """All names that the statement which binds `name` binds."""
    statement = module.statements[name]
    return (other for other, node in module.statements.items() if node is statement)


def _same(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether two definitions say the same, whatever their annotations and texts for readers say."""
    return ast.dump(_bare(one)) == ast.dump(_bare(other))


def _bare(statement: ast.stmt) -> ast.stmt:
    (copy,) = ast.parse(ast.unparse(statement)).body
    for node in ast.walk(copy):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
            node.decorator_list = []
            if ast.get_docstring(node) is not None and node.body[1:]:
                del node.body[0]
    return copy


def _names_read(node: ast.AST) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)}
