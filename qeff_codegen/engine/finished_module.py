"""The finished module as the verifying checks see it: text, tree, and who upstream's parts are."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.codemod.tree import find, parse
from qeff_codegen.engine.refused_by_setting import refused_by_setting
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.target import PREFIX, Target

# Runs once, before the graph is made.
INITIALIZER = "__qeff_init__"


@dataclass(frozen=True)
class FinishedModule:
    """What was generated for one model.

    Attributes:
        imports: where every imported name comes from.
        defined: names the module defines itself.
        target: where it goes.
        copied: those of `defined` that are upstream's own, as they are.
    """

    code: str
    anatomy: Anatomy
    mappings: tuple[MappingEntry, ...]
    imports: dict[str, str]
    defined: frozenset[str]
    target: Target = EMBEDDED
    copied: frozenset[str] = frozenset()
    tree: ast.Module = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", parse(self.code))

    def method(self, upstream_class: str, name: str) -> ast.FunctionDef | None:
        """A method of the class that replaces `upstream_class`."""
        return self._first_of_name.get(f"{PREFIX}{upstream_class}.{name}")

    @cached_property
    def functions(self) -> tuple[tuple[str, ast.FunctionDef], ...]:
        """What is generated and runs in the graph: functions by their names, methods as `Class.method`."""
        return tuple(item for item in self._defined if item[1].name != INITIALIZER)

    @cached_property
    def staying_functions(self) -> tuple[tuple[str, ast.FunctionDef], ...]:
        """What stays upstream's and still runs: methods of classes that are not mapped, and helper functions.

        A helper function runs when generated code imports it or when something else that stays calls it.
        """
        mapped = {entry.upstream_class for entry in self.mappings}
        file = self.anatomy.file
        pending = [name for name, source in self.imports.items() if source == file.upstream.definition(name)[0]]
        classes = {node.name.removeprefix(PREFIX): node for node in find(ast.ClassDef, self.tree)}
        others = [file.classes[name] for name in self.anatomy.reachable]
        refused = {
            name
            for owner in mapped & classes.keys() & file.classes.keys()
            for name in refused_by_setting(file.classes[owner], classes[owner], others)
        }
        staying = {
            f"{name}.{method.name}": method
            for name in self.anatomy.reachable
            if name not in mapped | refused
            for method in file.classes[name].methods.values()
            if method.name != "__init__"
        }
        for method in staying.values():
            pending += [node.id for node in find(ast.Name, method)]
        while pending:
            name = pending.pop()
            if name in file.functions and name not in staying:
                staying[name] = file.functions[name]
                pending += [node.id for node in find(ast.Name, file.functions[name])]
        return tuple(staying.items())

    def first_use(self, name: str) -> int | None:
        """The first line of the generated file that names `name`, in an annotation too, imports aside."""
        names = find(ast.Name, ast.parse(self.code))
        return min((node.lineno for node in names if node.id == name), default=None)

    @cached_property
    def _defined(self) -> tuple[tuple[str, ast.FunctionDef], ...]:
        found: list[tuple[str, ast.FunctionDef]] = []
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef):
                found.append((node.name, node))
            elif isinstance(node, ast.ClassDef):
                found += [
                    (f"{node.name}.{item.name}", item) for item in node.body if isinstance(item, ast.FunctionDef)
                ]
        return tuple(found)

    @cached_property
    def _first_of_name(self) -> dict[str, ast.FunctionDef]:
        return dict(reversed(self._defined))
