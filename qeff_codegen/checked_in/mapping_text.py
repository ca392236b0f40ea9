"""The mapping file read as text, so that a model needs the classes of its own family alone.

Importing the file imports every family that is checked in, and upstream's file of each: seconds, for one model. Its
text says by which names a class is found; a class is imported when a model has one of that name.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClassPlace:
    """Where a class is imported from: an absolute module, and its name there."""

    module: str
    name: str

    def load(self) -> Any:
        """The class.

        Raises:
            ImportError: the module, or the name in it, is not there.
        """
        module = importlib.import_module(self.module)
        try:
            return getattr(module, self.name)
        except AttributeError as error:
            raise ImportError(f"cannot import name '{self.name}' from '{self.module}'") from error


@dataclass(frozen=True)
class TransformText:
    """A transform as the file has it.

    Attributes:
        name: the class.
        base: its base.
        classes: upstream's class and the one that takes its place.
        remote: by the name of a causal LM, for each class of its model by name the one that takes its place.
    """

    name: str
    base: ClassPlace
    classes: tuple[tuple[ClassPlace, ClassPlace], ...]
    remote: Mapping[str, Mapping[str, ClassPlace]]

    def load(self) -> type[Any]:
        """The transform, whose classes are imported when they are asked for."""
        remote = {causal_lm: _LoadedWhenAsked(classes) for causal_lm, classes in self.remote.items()}
        body = {"_module_mapping": _FoundByName(self.classes), "_remote_mapping": remote}
        return type(self.name, (self.base.load(),), body)


class _FoundByName:
    """The part of a dictionary that transforms use: what takes the place of a class, or None."""

    def __init__(self, classes: tuple[tuple[ClassPlace, ClassPlace], ...]) -> None:
        self._by_name: dict[str, list[tuple[ClassPlace, ClassPlace]]] = {}
        for upstream, ours in classes:
            self._by_name.setdefault(upstream.name, []).append((upstream, ours))

    def get(self, cls: type[Any]) -> type[Any] | None:
        for upstream, ours in self._by_name.get(cls.__name__, ()):
            if upstream.load() is cls:
                found: type[Any] = ours.load()
                return found
        return None


class _LoadedWhenAsked:
    """The same for names of classes."""

    def __init__(self, classes: Mapping[str, ClassPlace]) -> None:
        self._classes = classes

    def get(self, name: str) -> type[Any] | None:
        place = self._classes.get(name)
        return None if place is None else place.load()


def read_mapping(text: str, package: str) -> tuple[TransformText, ...]:
    """The transforms of a mapping file, in their order.

    Args:
        text: the file's.
        package: what its folder is imported as; the file's relative imports are seen from there.

    Raises:
        SyntaxError: it is not as the generator writes it, and must be imported as a whole.
    """
    imported: dict[str, ClassPlace] = {}
    found = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.ImportFrom) and statement.level < 2:
            module = f"{package}.{statement.module}" if statement.level else str(statement.module)
            imported |= {alias.asname or alias.name: ClassPlace(module, alias.name) for alias in statement.names}
        elif isinstance(statement, ast.ClassDef):
            found.append(_transform(statement, imported))
        elif not _is_text(statement):
            raise SyntaxError("it holds more than imports and transforms")
    return tuple(found)


def _transform(definition: ast.ClassDef, imported: Mapping[str, ClassPlace]) -> TransformText:
    classes: list[tuple[ClassPlace, ClassPlace]] = []
    remote: dict[str, dict[str, ClassPlace]] = {}
    for statement in definition.body:
        match statement:
            case ast.Assign([ast.Name("_module_mapping")], ast.Dict() as body):
                classes = [(_place(key, imported), _place(value, imported)) for key, value in _items(body)]
            case ast.Assign([ast.Name("_remote_mapping")], ast.Dict() as body):
                for causal_lm, by_name in _items(body):
                    if not isinstance(by_name, ast.Dict):
                        raise SyntaxError("a mapping of classes by names is another expression")
                    remote[_text(causal_lm)] = {_text(key): _place(value, imported) for key, value in _items(by_name)}
            case _ if not _is_text(statement):
                raise SyntaxError(f"{definition.name} holds more than its mappings")
    (base,) = definition.bases
    return TransformText(definition.name, _place(base, imported), tuple(classes), remote)


def _items(body: ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    for key, value in zip(body.keys, body.values, strict=True):
        if key is None:
            raise SyntaxError("a mapping is made of another")
        yield key, value


def _place(node: ast.expr, imported: Mapping[str, ClassPlace]) -> ClassPlace:
    if not isinstance(node, ast.Name) or node.id not in imported:
        raise SyntaxError(f"`{ast.unparse(node)}` is no imported class")
    return imported[node.id]


def _text(node: ast.expr) -> str:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise SyntaxError(f"`{ast.unparse(node)}` is no name of a class")
    return node.value


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
