"""The mapping file's entries, read as text: which upstream class becomes which of ours, and in which line."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qeff_codegen.checked_in.manifest import ManifestEntry, named

MAPPING = "_module_mapping"
# By the name of a causal LM, the mapping of its classes by their names.
REMOTE = "_remote_mapping"


@dataclass(frozen=True)
class Imported:
    """A class, and the module it is imported from; no module for what is no imported name."""

    module: str
    name: str


@dataclass(frozen=True)
class MappingLine:
    """One entry of the mapping.

    Attributes:
        line: 1-based, in the mapping file; 0 for an entry that the manifest asks for.
    """

    transform: str
    upstream: Imported
    replacement: Imported
    line: int = 0

    @property
    def key(self) -> tuple[str, Imported]:
        """What can be mapped once only."""
        return self.transform, self.upstream

    def model(self, entries: Mapping[str, ManifestEntry]) -> str | None:
        """The model it is for: that of the package ours comes from, or that of upstream's module."""
        if self.replacement.module.startswith("."):
            return self.replacement.module.split(".")[1]
        return next((name for name, entry in entries.items() if entry.upstream_module == self.upstream.module), None)


@dataclass(frozen=True)
class MappingText:
    """The entries of a mapping file.

    Attributes:
        starts: the line of each transform's mapping.
    """

    entries: tuple[MappingLine, ...]
    starts: Mapping[str, int]


def entries_of(name: str, entry: ManifestEntry) -> Iterator[MappingLine]:
    """The entries that model `name` has in the mapping file."""
    for mapping in entry.mappings:
        upstream = Imported(entry.module_of(mapping), mapping.upstream_class)
        if entry.causal_lm is not None and entry.is_by_name:
            upstream = Imported(entry.causal_lm, repr(named(entry.module_of(mapping), mapping.upstream_class)))
        yield MappingLine(mapping.transform, upstream, Imported(mapping.replacement_module, mapping.replacement))


def entries_in(text: str) -> MappingText | None:
    """The entries of a mapping file's text; None when it is no Python."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    imports = dict(_imports(module))
    lines: list[MappingLine] = []
    starts: dict[str, int] = {}
    for cls in (node for node in module.body if isinstance(node, ast.ClassDef)):
        starts[cls.name] = cls.lineno
        for table in _tables(cls):
            starts[cls.name] = table.lineno
            for upstream, ours in zip(table.keys, table.values, strict=True):
                found = _imported(upstream, imports), _imported(ours, imports)
                lines.append(MappingLine(cls.name, *found, (upstream or ours).lineno))
        for causal_lm, table in _remote_tables(cls):
            for upstream, ours in zip(table.keys, table.values, strict=True):
                by_name = Imported(causal_lm, ast.unparse(upstream or ours))
                lines.append(MappingLine(cls.name, by_name, _imported(ours, imports), (upstream or ours).lineno))
    return MappingText(tuple(lines), starts)


def _imports(module: ast.Module) -> Iterator[tuple[str, Imported]]:
    for node in module.body:
        if isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                yield alias.asname or alias.name, Imported(source, alias.name)


def _tables(cls: ast.ClassDef, name: str = MAPPING) -> Iterator[ast.Dict]:
    for node in cls.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            if [ast.unparse(target) for target in node.targets] == [name]:
                yield node.value


def _remote_tables(cls: ast.ClassDef) -> Iterator[tuple[str, ast.Dict]]:
    for tables in _tables(cls, REMOTE):
        for key, value in zip(tables.keys, tables.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Dict):
                yield str(key.value), value


def _imported(node: ast.expr | None, imports: Mapping[str, Imported]) -> Imported:
    name = "**" if node is None else ast.unparse(node)
    return imports.get(name, Imported("", name))
