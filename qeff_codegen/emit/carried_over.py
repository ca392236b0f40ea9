"""What generated code needs of upstream's module where that module cannot be imported: statements, copied as they are.

A file outside of any package has no module that a generated file could import from. Functions that generated code
calls, and what these and it read from their module, are written again; a class is, unless it is a module's: a copy of
that would be another class than the one a loaded model holds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.emit.imports import global_names
from qeff_codegen.emit.left_upstream import first_line
from qeff_codegen.emit.meanings import RULE
from qeff_codegen.errors import Refusal

# Bases of classes that hold values and are no part of a model; some name the keywords that transformers takes.
_PLAIN_BASES = {
    "ABC",
    "Enum",
    "FlashAttentionKwargs",
    "IntEnum",
    "LossKwargs",
    "ModelOutput",
    "NamedTuple",
    "StrEnum",
    "TransformersKwargs",
    "TypedDict",
    "dict",
    "object",
    "tuple",
}


def carried_over(names: Iterable[str], file: ModelingFile) -> tuple[ast.stmt, ...]:
    """The statements at the top of upstream's file that bind `names`, and what they read in turn, in its order.

    Names that the file does not bind for good are left to the one who asks for all of them.

    Raises:
        Refusal: one of them is a part of a model, or comes from a file beside upstream's.
    """
    pending, seen = sorted(names), set[str]()
    found: dict[int, ast.stmt] = {}
    while pending:
        name = pending.pop()
        known = name in file.names and not file.upstream.can_import(name)
        if name in seen or not known or not file.can_be_imported(name):
            continue
        seen.add(name)
        for statement in _binding(name, file):
            _refuse_what_cannot_be_copied(name, statement, file)
            found[statement.lineno] = statement
            pending += sorted(global_names(text_of(statement, file)) - seen)
    return tuple(found[line] for line in sorted(found))


def bound_by(statements: Iterable[ast.stmt], file: ModelingFile) -> set[str]:
    """The names that carried statements bind."""
    lines = {number for item in statements for number in _lines(item)}
    return {name for name, bound in file.bindings.items() if any(item.node.lineno in lines for item in bound)}


def text_of(statement: ast.stmt, file: ModelingFile) -> str:
    """The lines of a statement at the top of the file."""
    return "\n".join(file.lines[number - 1] for number in _lines(statement)) + "\n"


def _lines(statement: ast.stmt) -> range:
    return range(first_line(statement), (statement.end_lineno or statement.lineno) + 1)


def _binding(name: str, file: ModelingFile) -> list[ast.stmt]:
    lines = {item.node.lineno for item in file.bindings[name]}
    return [item for item in file.tree.body if not lines.isdisjoint(_lines(item))]


def _refuse_what_cannot_be_copied(name: str, statement: ast.stmt, file: ModelingFile) -> None:
    if isinstance(statement, ast.ClassDef) and not _holds_values(statement, file):
        raise _refusal(
            file,
            statement,
            f"generated code speaks of the class `{name}`, which has no module that it could be imported from",
            "put the file into a package, or spell what is asked of the class without naming it",
        )
    for item in find(ast.ImportFrom, statement):
        if any(file.imports.get(alias.asname or alias.name, ("",))[0].startswith(".") for alias in item.names):
            what = f"`{name}` comes from a file beside upstream's, under a condition"
            raise _refusal(file, item, what, "import it at the top of the file, without a condition")


def _holds_values(cls: ast.ClassDef, file: ModelingFile) -> bool:
    for base in cls.bases:
        name = spelled(base).rpartition(".")[2]
        if name in file.classes:
            if not _holds_values(file.classes[name].node, file):
                return False
        elif name not in _PLAIN_BASES:
            return False
    return True


def _refusal(file: ModelingFile, node: ast.stmt, what: str, next_step: str) -> Refusal:
    return Refusal(what, rule=RULE, location=file.location(node.lineno), next_step=next_step)
