"""Which module a layer has, where its kind says so: a condition on the kind tells in a forward which one is called.

self.kind = config.layer_types[layer_idx]
self.mixer = MIXERS[self.kind](config)            # or A(config) if self.kind == "a" else B(config)
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.kind_tables import find_kind_tables
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import find, spelled


@dataclass(frozen=True, slots=True)
class Choice:
    """The classes of a module by the kind of its layer.

    Attributes:
        otherwise: the class for every kind that is not among them.
    """

    by_kind: dict[str, str]
    otherwise: str | None = None

    def classes(self, kind: str, holds: bool) -> tuple[str, ...]:
        """The classes that it may be where the kind is this one, or is not."""
        if holds:
            found = self.by_kind.get(kind, self.otherwise)
            return () if found is None else (found,)
        others = [cls for key, cls in self.by_kind.items() if key != kind]
        return tuple(dict.fromkeys([*others, *([self.otherwise] if self.otherwise else [])]))


def choices_of(cls: ModelingClass, file: ModelingFile) -> dict[str, dict[str, Choice]]:
    """By attributes that hold a kind, the attributes that hold a module which was chosen by it.

    Both are assigned once, by the class's `__init__`, whose parameters stay what they are, and by nobody else.
    """
    made = cls.methods.get("__init__")
    if made is None:
        return {}
    tables = {
        target.id: statement.value
        for statement in file.tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id in find_kind_tables(file.tree, set(file.classes))
    }
    outside = {
        node.attr for node in find(ast.Attribute, file.tree) if _is_stored(node) and spelled(node.value) != "self"
    }
    once = {
        name: values[0]
        for name, values in cls.assigned.items()
        if len(values) == 1 and name not in outside and _stores(name, cls) == 1
    }
    found: dict[str, dict[str, Choice]] = {}
    for kind, value in once.items():
        if not _is_of_configuration(value, made):
            continue
        same = {f"self.{kind}", spelled(value)}
        for name, module in once.items():
            choice = _choice(module, same, tables)
            if choice is not None and not set(choice.by_kind.values()) - file.classes.keys():
                found.setdefault(kind, {})[name] = choice
    return found


def _stores(name: str, cls: ModelingClass) -> int:
    return sum(node.attr == name and _is_stored(node) for node in find(ast.Attribute, cls.node))


def _is_stored(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store)


def _is_of_configuration(value: ast.expr, made: ast.FunctionDef) -> bool:
    """`config.<kinds>[<number>]`, of parameters that nothing binds anew."""
    if not isinstance(value, ast.Subscript) or not isinstance(value.value, ast.Attribute):
        return False
    if not isinstance(value.value.value, ast.Name) or not isinstance(value.slice, ast.Name):
        return False
    stored = {node.id for node in find(ast.Name, made) if isinstance(node.ctx, ast.Store)}
    names = {value.value.value.id, value.slice.id}
    return not names & stored and names <= {item.arg for item in made.args.args}


def _choice(module: ast.expr, same: set[str], tables: dict[str, ast.Dict]) -> Choice | None:
    if isinstance(module, ast.Call) and isinstance(module.func, ast.Subscript):
        table = tables.get(spelled(module.func.value))
        if table is None or spelled(module.func.slice) not in same:
            return None
        pairs = zip(table.keys, table.values, strict=True)
        return Choice({str(key.value): spelled(item) for key, item in pairs if isinstance(key, ast.Constant)})
    if not isinstance(module, ast.IfExp) or not isinstance(module.test, ast.Compare):
        return None
    kind = kind_asked(module.test, same)
    if kind is None or not isinstance(module.body, ast.Call) or not isinstance(module.orelse, ast.Call):
        return None
    if not isinstance(module.body.func, ast.Name) or not isinstance(module.orelse.func, ast.Name):
        return None
    return Choice({kind: module.body.func.id}, module.orelse.func.id)


def kind_asked(test: ast.expr, same: set[str]) -> str | None:
    """The kind that one of some expressions is compared with by `==`."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return None
    (right,) = test.comparators
    if spelled(test.left) not in same or not isinstance(right, ast.Constant) or not isinstance(right.value, str):
        return None
    return right.value
