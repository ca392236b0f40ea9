"""A class with all that it inherits from classes of the same text, as if it had been written out in it.

What reads a modeling file looks for a class's forward, and for what its `__init__` builds, in the class itself. So the
methods that it inherits are put behind its own, and where its `__init__` calls that of the class before it, the lines
of that stand in the place of the call. What is left of its bases are those that the text does not define.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from qeff_codegen.upstream.module_text import ModuleText, first_line

_INIT = "__init__"
_METHOD, _BODY = " " * 4, " " * 8


@dataclass(frozen=True)
class Line:
    """One line of a text that is put together, and where it comes from: a file as messages call it, and its line."""

    text: str
    path: str
    number: int


@dataclass(frozen=True)
class Defined:
    """A class and the module it stands in."""

    node: ast.ClassDef
    module: ModuleText

    @property
    def methods(self) -> dict[str, ast.FunctionDef]:
        """Its own methods."""
        return {item.name: item for item in self.node.body if isinstance(item, ast.FunctionDef)}

    def lines(self, first: int, last: int) -> list[Line]:
        """Lines of its module, by their 1-based numbers there."""
        return lines_of(self.module, range(first, last + 1))


def lines_of(module: ModuleText, numbers: range) -> list[Line]:
    """Lines of a module, by their 1-based numbers in its usual layout."""
    return [Line(module.lines[n - 1], module.display_path, module.origins[n - 1]) for n in numbers]


def spelled_out(name: str, classes: Mapping[str, Defined]) -> list[Line]:
    """The lines of a class, from its first decorator on, with what it inherits from others of `classes`."""
    own = classes[name]
    last = own.node.end_lineno or own.node.lineno
    start = _after_head(own)
    found = [*own.lines(first_line(own.node), own.node.lineno - 1), *own.lines(own.node.lineno, own.node.lineno)]
    found[-1] = replace(found[-1], text=f"class {name}({', '.join(_other_bases(name, classes))}):")
    for holder, statement in _inherited_values(name, classes):
        found += holder.lines(statement.lineno, statement.end_lineno or statement.lineno)
    initializer = own.methods.get(_INIT)
    if _is_empty(own):
        pass
    elif initializer is None:
        found += own.lines(start, last)
    else:
        end = initializer.end_lineno or initializer.lineno
        found += own.lines(start, initializer.body[0].lineno - 1)
        found += _body(name, classes)
        found += own.lines(end + 1, last)
    for method, (holder, node) in _inherited(name, classes).items():
        if method == _INIT:
            first = node.body[0].lineno
            written = [*holder.lines(first_line(node), first - 1), *_body(holder.node.name, classes)]
        else:
            written = holder.lines(first_line(node), node.end_lineno or node.lineno)
        found += [Line("", own.module.display_path, own.module.origins[last - 1]), *written]
    return found


def inherits(name: str, classes: Mapping[str, Defined]) -> bool:
    """Whether a class has a method that it takes from another one of `classes`."""
    return any(method != _INIT for method in _inherited(name, classes)) or (
        _INIT in _inherited(name, classes) or _calls_init(name, classes)
    )


def bases(name: str, classes: Mapping[str, Defined]) -> list[str]:
    """The bases of a class that are among `classes`."""
    own = classes[name].node
    return [item.id for item in own.bases if isinstance(item, ast.Name) and item.id in classes and item.id != name]


def _inherited(name: str, classes: Mapping[str, Defined]) -> dict[str, tuple[Defined, ast.FunctionDef]]:
    """The methods of a class that others of `classes` define for it, with who does."""
    own = classes[name].methods
    found: dict[str, tuple[Defined, ast.FunctionDef]] = {}
    for base in _ancestors(name, classes):
        for method, node in classes[base].methods.items():
            if method not in own and method not in found:
                found[method] = (classes[base], node)
    return found


def _ancestors(name: str, classes: Mapping[str, Defined]) -> Iterator[str]:
    seen = {name}
    pending = bases(name, classes)
    while pending:
        base = pending.pop(0)
        if base not in seen:
            seen.add(base)
            yield base
            pending = [*bases(base, classes), *pending]


def _other_bases(name: str, classes: Mapping[str, Defined]) -> list[str]:
    """The bases, its own and those of its bases, that are not among `classes`."""
    found: list[str] = []
    for base in classes[name].node.bases:
        known = isinstance(base, ast.Name) and base.id in classes and base.id != name
        found += _other_bases(base.id, classes) if known and isinstance(base, ast.Name) else [ast.unparse(base)]
    return list(dict.fromkeys(found))


def _inherited_values(name: str, classes: Mapping[str, Defined]) -> Iterator[tuple[Defined, ast.Assign]]:
    """The values that others of `classes` set in their bodies, and it does not."""
    known = {target for statement in _values(classes[name]) for target in _targets(statement)}
    for base in _ancestors(name, classes):
        for statement in _values(classes[base]):
            if known.isdisjoint(_targets(statement)):
                yield classes[base], statement
        known.update(target for statement in _values(classes[base]) for target in _targets(statement))


def _values(cls: Defined) -> list[ast.Assign]:
    return [item for item in cls.node.body if isinstance(item, ast.Assign)]


def _targets(statement: ast.Assign) -> list[str]:
    return [target.id for target in statement.targets if isinstance(target, ast.Name)]


def _is_empty(cls: Defined) -> bool:
    """Whether the body of a class says nothing: `pass`, or `...`."""
    first, *others = cls.node.body
    is_nothing = isinstance(first, ast.Pass) or (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and first.value.value is Ellipsis
    )
    return is_nothing and not others


def _after_head(cls: Defined) -> int:
    """The line after the one that ends the class statement before its body."""
    inside = [*cls.node.bases, *(item.value for item in cls.node.keywords)]
    line = max([cls.node.lineno, *(item.end_lineno or 0 for item in inside)])
    body = first_line(cls.node.body[0])
    while line < body - 1 and not cls.module.lines[line - 1].split("#")[0].rstrip().endswith(":"):
        line += 1
    return line + 1


def _calls_init(name: str, classes: Mapping[str, Defined]) -> bool:
    initializer = classes[name].methods.get(_INIT)
    return initializer is not None and any(_called(item, name, classes) is not None for item in initializer.body)


def _body(name: str, classes: Mapping[str, Defined]) -> list[Line]:
    """The lines of the body of a class's own `__init__`, with those of the ones that it calls in their places."""
    own = classes[name]
    initializer = own.methods[_INIT]
    found: list[Line] = []
    previous = initializer.body[0].lineno
    for index, statement in enumerate(initializer.body):
        last = statement.end_lineno or statement.lineno
        called = _called(statement, name, classes)
        given = _given(called[1], classes[called[0]].methods[_INIT]) if called is not None else None
        if called is None or given is None:
            found += own.lines(previous, last)
        else:
            found += own.lines(previous, first_line(statement) - 1)
            place = own.lines(statement.lineno, statement.lineno)[0]
            found += [Line(f"{_BODY}{text}", place.path, place.number) for text in given]
            replaced = _set_later(initializer.body[index + 1 :])
            found += _without(_body(called[0], classes), replaced) or [Line(f"{_BODY}pass", place.path, place.number)]
        previous = last + 1
    return found


def _called(statement: ast.stmt, name: str, classes: Mapping[str, Defined]) -> tuple[str, ast.Call] | None:
    """The class whose `__init__` a statement calls on `self`, and the call, if it is one that `classes` define."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != _INIT:
        return None
    holder = call.func.value
    if isinstance(holder, ast.Name) and holder.id in classes:
        # `Base.__init__(self, ...)`
        start, call = [holder.id], ast.Call(call.func, call.args[1:], call.keywords)
    elif isinstance(holder, ast.Call) and isinstance(holder.func, ast.Name) and holder.func.id == "super":
        after = holder.args[0].id if holder.args and isinstance(holder.args[0], ast.Name) else name
        start = list(_ancestors(after, classes)) if after in classes else []
    else:
        return None
    for base in start:
        if _INIT in classes[base].methods:
            return base, call
    return None


def _given(call: ast.Call, initializer: ast.FunctionDef) -> list[str] | None:
    """What the parameters of an `__init__` are set to by a call, as statements; None where that cannot be told."""
    arguments = initializer.args
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args)][1:]
    if any(isinstance(item, ast.Starred) for item in call.args) or len(call.args) > len(names):
        return None
    defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
    defaults |= {
        item.arg: value
        for item, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value is not None
    }
    given: dict[str, ast.expr] = defaults | dict(zip(names, call.args, strict=False))
    given |= {item.arg: item.value for item in call.keywords if item.arg is not None}
    ordered = [name for name in (*names, *(item.arg for item in arguments.kwonlyargs)) if name in given]
    return [f"{name} = {text}" for name in ordered if (text := ast.unparse(given[name])) != name]


def _set_later(statements: Sequence[ast.stmt]) -> set[str]:
    """The attributes that statements set, whatever is in them already."""
    found: set[str] = set()
    for statement in statements:
        for target in statement.targets if isinstance(statement, ast.Assign) else []:
            name = _of_self(target)
            read = [_of_self(node) for node in ast.walk(statement.value)] if isinstance(statement, ast.Assign) else []
            if name is not None and name not in read:
                found.add(name)
    return found


def _without(lines: list[Line], attributes: set[str]) -> list[Line]:
    """The lines of a body without the statements that set these attributes and do nothing else."""
    if not attributes:
        return lines
    tree = ast.parse("def body():\n" + "\n".join(line.text for line in lines) + "\n")
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    gone: set[int] = set()
    for statement in function.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if len(targets) == 1 and _of_self(targets[0]) in attributes:
            gone.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return [line for number, line in enumerate(lines, start=2) if number not in gone]


def _of_self(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None
