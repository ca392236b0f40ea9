"""Which names the generated code uses, and the import block that brings them in."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import sys
from collections.abc import Collection, Iterable, Mapping

from qeff_codegen.anatomy.modeling_file import ModelingFile, imports_of
from qeff_codegen.codemod.layout import INDENT, indented
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.target import LIBRARY_NAMES, Target


def global_names(code: str) -> set[str]:
    """Names that `code` reads from its module's scope, by the compiler's own scope analysis, builtins excluded."""
    names: set[str] = set()
    pending = [symtable.symtable(code, "<generated>", "exec")]
    while pending:
        table = pending.pop()
        pending.extend(table.get_children())
        at_module = table.get_type() == "module"
        for symbol in table.get_symbols():
            is_global = symbol.is_global() or (at_module and not symbol.is_imported())
            if symbol.is_referenced() and is_global:
                names.add(symbol.get_name())
    return {name for name in names if not hasattr(builtins, name)}


def imports_for_checkers(code: str, file: ModelingFile, names: Iterable[str]) -> dict[str, tuple[str, str | None]]:
    """Those of `names` that upstream imports for type checkers alone, and that only annotations of `code` speak of."""
    found: dict[str, tuple[str, str | None]] = {}
    for name in names:
        bound = file.bindings.get(name, ())
        if len(bound) == 1 and bound[0].for_checkers and isinstance(bound[0].node, ast.Import | ast.ImportFrom):
            found |= {name: imports_of(bound[0].node, file.upstream)[name]}
    evaluated = global_names(_without_annotations(code)) if found else set()
    return {name: item for name, item in found.items() if name not in evaluated}


def only_in_annotations(code: str, found: Mapping[str, tuple[str, str | None]]) -> dict[str, tuple[str, str | None]]:
    """What stands for names of files beside upstream's that only annotations of `code` speak of: any type."""
    beside = [name for name, (module, _) in found.items() if module.startswith(".")]
    evaluated = global_names(_without_annotations(code)) if beside else set()
    return {name: ("typing", "Any") for name in beside if name not in evaluated}


def _without_annotations(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.unparse(tree)


def resolve(
    names: Iterable[str], file: ModelingFile, target: Target = EMBEDDED
) -> tuple[dict[str, tuple[str, str | None]], list[str]]:
    """Where each name is imported from: runtime names first, then upstream's imports, then its module.

    Returns:
        `(module, name there)` for each name (`None` there when the module itself is meant), and names nobody knows.
    """
    found: dict[str, tuple[str, str | None]] = {}
    unknown: list[str] = []
    for name in sorted(names):
        if name in target.modules:
            found[name] = (target.modules[name], name)
        elif name in file.imports:
            found[name] = file.imports[name]
        elif name in file.names and file.can_be_imported(name) and file.upstream.can_import(name):
            found[name] = file.upstream.definition(name)
        elif name in LIBRARY_NAMES and name not in file.names:
            found[name] = (LIBRARY_NAMES[name], name)
        else:
            unknown.append(name)
    return found, unknown


def import_block(found: Mapping[str, tuple[str, str | None]], first_party: str = EMBEDDED.first_party) -> str:
    """The import statements, in the sections and order that isort and ruff use."""
    sections: dict[int, list[str]] = {}
    modules: dict[str, list[str]] = {}
    for name, (module, original) in found.items():
        if original is None:
            statement = f"import {module}" if name == module.split(".")[0] else f"import {module} as {name}"
            sections.setdefault(_section(module, first_party), []).append(statement)
        else:
            modules.setdefault(module, []).append(name if name == original else f"{original} as {name}")
    plain = {section: sorted(set(statements)) for section, statements in sections.items()}
    blocks = []
    for section in sorted({*plain, *(_section(module, first_party) for module in modules)}):
        lines = plain.get(section, [])
        lines = lines + [
            f"from {module} import {members}"
            for module in sorted(modules, key=_module_order)
            if _section(module, first_party) == section
            for members in _members(modules[module])
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def import_section(
    found: Mapping[str, tuple[str, str | None]],
    checked: Mapping[str, tuple[str, str | None]],
    future: Collection[str],
    first_party: str,
) -> str:
    """All imports of a generated file: the language's features first, and last what only type checkers need."""
    blocks = [f"from __future__ import {', '.join(sorted(future))}"] if future else []
    blocks.append(import_block(found, first_party))
    if checked:
        blocks.append("if TYPE_CHECKING:\n" + indented(import_block(checked, first_party), INDENT))
    return "\n\n".join(blocks)


def _members(names: list[str]) -> list[str]:
    """What the import statements of one module bring in: names of another spelling have a statement each."""
    renamed = [name for name in names if " as " in name]
    plain = sorted((name for name in names if " as " not in name), key=_member_order)
    statements = [", ".join(plain)] if plain else []
    return sorted([*statements, *renamed], key=lambda statement: _member_order(statement.split(",")[0]))


def _section(module: str, first_party: str) -> int:
    if module.startswith("."):
        return 3
    top = module.split(".")[0]
    if top in sys.stdlib_module_names:
        return 0
    return 2 if top == first_party else 1


def _member_order(name: str) -> tuple[int, list[str | int], str]:
    """Constants, then classes, then functions, each by name: letters of either case alike, digits as numbers."""
    first = name.split(" ")[0]
    kind = 0 if first.isupper() and len(first) > 1 else 1 if first[:1].isupper() else 2
    parts = re.split(r"(\d+)", name.lower())
    return kind, [int(part) if part.isdigit() else part for part in parts], name


def _module_order(module: str) -> list[tuple[int, int]]:
    """Letter by letter, but numbers by their values: `glm4v` stands before `glm46v`."""
    parts = re.findall(r"\d+|\D", module)
    return [(ord("0"), int(part)) if part.isdigit() else (ord(part), 0) for part in parts]
