"""Which modeling file of a checkout serves a family, read off the mappings without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.checkout.checkout import TRANSFORMS, path_of
from qeff_codegen.errors import QEffCodegenError
from qeff_codegen.upstream.find import find_model

_UPSTREAM = "transformers.models."
_CHECKOUT = "QEfficient."


@dataclass(frozen=True)
class ServingFile:
    """The modeling file that has a family's QEff classes.

    Attributes:
        path: relative to the checkout.
        entries: `transform: upstream's class -> its QEff class`, for every class of upstream's modeling file.
    """

    path: Path
    entries: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    transform: str
    upstream_class: str
    upstream_module: str
    replacement: str
    replacement_module: str


def serving_file(checkout: Path, name: str, transformers_version: str) -> ServingFile | None:
    """What serves `name` in `checkout`, or None where nothing does.

    The folders of the classes need not have the model type's name: `mixtral` may be served from `mixtral_moe`, and
    `gpt-sw3` by the classes of `gpt2`.

    Args:
        checkout: its root.
        name: a model type, in either spelling.
        transformers_version: the release it pins, asked where no modeling file of transformers has the name.
    """
    entries = tuple(_entries(checkout / TRANSFORMS))
    own = f"{_UPSTREAM}{name.replace('-', '_')}."
    mapped = [entry for entry in entries if entry.upstream_module.startswith(own)]
    if not mapped:
        module = _upstream_module(name, transformers_version)
        mapped = [entry for entry in entries if entry.upstream_module == module]
    # The norms' replacements are shared; what is left comes from the family's own file.
    files = [entry.replacement_module for entry in mapped if ".models." in entry.replacement_module]
    if not files:
        return None
    return ServingFile(
        path_of(files[-1]),
        tuple(f"{entry.transform}: {entry.upstream_class} -> {entry.replacement}" for entry in mapped),
    )


def _upstream_module(name: str, transformers_version: str) -> str | None:
    try:
        return find_model(name, transformers_version=transformers_version).module
    except QEffCodegenError:
        # A name that leads nowhere is served by nothing.
        return None


def _entries(transforms: Path) -> Iterator[_Entry]:
    try:
        tree = ast.parse(transforms.read_text("utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return
    modules = {
        alias.asname or alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }
    for transform in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for upstream_class, replacement in _mapped_names(transform):
            key, value = modules.get(upstream_class, ""), modules.get(replacement, "")
            if key.startswith(_UPSTREAM) and value.startswith(_CHECKOUT):
                yield _Entry(transform.name, upstream_class, key, replacement, value)


def _mapped_names(transform: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement in transform.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                if isinstance(key, ast.Name) and isinstance(value, ast.Name):
                    yield key.id, value.id
