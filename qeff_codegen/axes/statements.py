"""Statements: both ways of what a configuration decides, loops until nothing new is learned."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qeff_codegen.axes.arithmetic import combined, truth
from qeff_codegen.axes.calls import CHANGING
from qeff_codegen.axes.frame import Frame, joined_names
from qeff_codegen.axes.narrowing import narrow, settled
from qeff_codegen.axes.parts import each, written
from qeff_codegen.axes.parts import items as items_of
from qeff_codegen.axes.values import (
    ORDINARY,
    OWN_TABLE,
    POSITIONS,
    External,
    Instance,
    NotFollowed,
    NothingYet,
    NotKnown,
    Plain,
    Several,
    Shared,
    Split,
    Table,
    Tensor,
    Value,
    carries,
    meant,
    present,
)
from qeff_codegen.axes.ways import joined, put
from qeff_codegen.codemod.tree import find, spelled

if TYPE_CHECKING:
    from qeff_codegen.axes.expressions import Expressions

_WRITING_ENTRIES = frozenset({"setdefault", "update"})
# What says something to a reader and changes nothing.
_SPEAKERS = ("logger.", "warnings.", "print")
# After so many turns of a loop, something in it differs each time.
_TURNS = 8


class Statements:
    """Runs the statements of one function."""

    def __init__(self, expressions: Expressions, frame: Frame) -> None:
        self.expressions = expressions
        self.frame = frame

    def run(self, statements: Sequence[ast.stmt]) -> bool:
        """Runs statements one after the other; whether what follows them runs."""
        return all(map(self._located, statements))

    def _located(self, node: ast.stmt) -> bool:
        try:
            return self._statement(node)
        except NotFollowed as refused:
            if refused.node is None:
                refused.node, refused.generated = node, self.frame.generated
            raise

    def _statement(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Tuple) and not any(isinstance(item, ast.Starred) for item in target.elts):
                self.expressions.wanted[node.value] = len(target.elts)
            value = self.expressions.value(node.value)
            for target in node.targets:
                self.bind(target, value)
        elif isinstance(node, ast.Expr):
            self._for_its_effect(node.value)
        elif isinstance(node, ast.Return):
            self.frame.returned.append(self.expressions.value(node.value) if node.value else Plain("None", None))
            return False
        elif isinstance(node, ast.If):
            return self._choose(node)
        elif isinstance(node, ast.AugAssign):
            one = self.expressions.value(node.target)
            changed = combined(node.op, one, self.expressions.value(node.value))
            if isinstance(node.target, ast.Name):
                self._change(node.target.id, one, changed)
            else:
                self.bind(node.target, changed)
        elif isinstance(node, (ast.For, ast.While)):
            self._repeat(node)
        elif isinstance(node, ast.With):
            for item in node.items:
                value = self.expressions.value(item.context_expr)
                if item.optional_vars is not None:
                    self.bind(item.optional_vars, value)
            return self.run(node.body)
        elif isinstance(node, ast.Try):
            return self._try(node)
        elif isinstance(node, (ast.Break, ast.Continue)):
            self.frame.left.append(dict(self.frame.names))
            return False
        elif isinstance(node, ast.FunctionDef):
            self.frame.names[node.name] = NotKnown("it is a function inside another")
        elif isinstance(node, ast.Raise):
            return False
        elif isinstance(node, ast.Assert):
            self._bind_inside(node.test)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.bind(node.target, self.expressions.value(node.value))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)
        elif isinstance(node, ast.Delete) and not all(isinstance(target, ast.Name) for target in node.targets):
            raise NotFollowed("a part of something is deleted")
        elif not isinstance(node, (ast.Pass, ast.Delete)):
            raise NotFollowed("a statement that is not understood")
        return True

    def _for_its_effect(self, node: ast.expr) -> None:
        """A call whose result nobody takes may still change a list, a table or a tensor that has a name."""
        if _only_speaks(node):
            return
        value = self.expressions.value(node)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return
        holder, method = node.func.value, node.func.attr
        if isinstance(holder, ast.Attribute) and method in CHANGING:
            module = self.expressions.value(holder.value)
            held = self.expressions.value(holder) if isinstance(module, Instance) else None
            if isinstance(held, (Table, Shared)) and method in _WRITING_ENTRIES:
                self.expressions.keep_attribute(module, holder.attr, self._with_entries(held, node, method))
            elif isinstance(module, Instance):
                self.expressions.add_to_attribute(module, holder.attr, [self.expressions.value(a) for a in node.args])
        if not isinstance(holder, ast.Name) or holder.id not in self.frame.names:
            return
        held = self.frame.names[holder.id]
        if isinstance(held, Tensor) and method.endswith("_") and isinstance(value, Tensor):
            self._change(holder.id, held, value)
        elif isinstance(held, Several) and method in {"append", "insert", "extend", "add"} and node.args:
            added = self.expressions.value(node.args[-1])
            items = items_of(added) if method == "extend" else [added]
            longer = held
            for item in items:
                longer = _with_item(longer, item)
            self._change(holder.id, held, longer)
        elif isinstance(held, (Table, Shared)) and method in _WRITING_ENTRIES:
            self.frame.names[holder.id] = self._with_entries(held, node, method)

    def _with_entries(self, held: Table | Shared, node: ast.Call, method: str) -> Value:
        """A dictionary after `update` or `setdefault`."""
        for key, item in self._entries(node, method):
            if isinstance(held, Shared):
                self.expressions.interpreter.keep_entry(held, key, item)
            else:
                held = put(held, key, item)
        return held

    def _entries(self, node: ast.Call, method: str) -> list[tuple[Value, Value]]:
        """What `update` or `setdefault` writes into a dictionary."""
        given = [self.expressions.value(item) for item in node.args]
        if method == "setdefault":
            return [(given[0], given[1] if len(given) > 1 else Plain("None", None))]
        found: list[tuple[Value, Value]] = [
            (Plain(str(item.arg), item.arg), self.expressions.value(item.value)) for item in node.keywords
        ]
        for table in given:
            if isinstance(table, Shared):
                table = self.expressions.interpreter.store.shared(table)
            if isinstance(table, Table):
                found += [(Plain(str(key), key), item) for key, item in table.items]
                found += [(Plain(), table.each)] if table.each is not None else []
            elif carries(table):
                raise NotFollowed("a dictionary is changed by what is not understood")
        return found

    def _change(self, name: str, held: Value, changed: Value) -> None:
        """Gives a name what became of it in place.

        Raises:
            NotFollowed: others who hold the same would not learn of it.
        """
        makes = self.expressions.interpreter.makes
        if (isinstance(held, Tensor) or not makes) and isinstance(held, (Tensor, Several, Table)) and held.kept:
            raise NotFollowed(f"`{name}` is changed, which a module keeps between calls")
        if isinstance(held, Tensor) and isinstance(changed, Tensor):
            if held.kind not in (changed.kind, ORDINARY, POSITIONS, OWN_TABLE):
                raise NotFollowed(f"{held.kind} are changed in place")
        elif name in self.frame.given and not isinstance(held, (Plain, Table)):
            raise NotFollowed(f"something is written into `{name}`, which a caller holds")
        self.frame.names[name] = changed

    def _choose(self, node: ast.If) -> bool:
        if not node.orelse and self._changes_nothing(node.body):
            # What raises where sizes do not fit, and tables that are made longer, change no value.
            self._bind_inside(node.test)
            return True
        decided = truth(self.expressions.value(node.test))
        if decided is not None:
            narrow(self.expressions, node.test, decided)
            return self.run(node.body if decided else node.orelse)
        goes_on = self._either(node.body, node.orelse, test=node.test)
        if any(isinstance(value, NotKnown) for value in self.frame.names.values()):
            part = settled(self.frame, node.test)
            if part is not None:
                raise Split(spelled(part))
        return goes_on

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for item in node.names:
            if isinstance(node, ast.ImportFrom):
                full = f"{node.module or '.'}.{item.name}"
            else:
                full = item.name if item.asname else item.name.split(".")[0]
            self.frame.names[item.asname or item.name.split(".")[0]] = External(full)

    def _bind_inside(self, test: ast.expr) -> None:
        """Binds the names of a condition that is not asked for more."""
        for named in find(ast.NamedExpr, test):
            self.expressions.value(named)

    def _either(self, *ways: Sequence[ast.stmt], test: ast.expr | None = None) -> bool:
        before = self.frame.names
        after = []
        for number, way in enumerate(ways):
            self.frame.names = dict(before)
            if test is not None:
                narrow(self.expressions, test, number == 0)
            interpreter = self.expressions.interpreter
            try:
                goes_on = self.run(way)
            except NothingYet:
                if not interpreter.makes:
                    interpreter.waiting[id(way)] = way[0]
                continue
            interpreter.gone.add(id(way))
            if goes_on:
                after.append(self.frame.names)
        self.frame.names = before if not after else after[0]
        for names in after[1:]:
            self.frame.names = joined_names(self.frame.names, names)
        return bool(after)

    def _changes_nothing(self, body: Sequence[ast.stmt]) -> bool:
        return all(
            isinstance(item, (ast.Raise, ast.Pass)) or (isinstance(item, ast.Expr) and self._is_silent(item.value))
            for item in body
        )

    def _is_silent(self, node: ast.expr) -> bool:
        """Whether an expression is a docstring, says something to a reader, or makes a table of the instance anew."""
        if isinstance(node, ast.Constant) or _only_speaks(node):
            return True
        instance, classes = self.frame.instance, self.expressions.interpreter.classes
        return (
            isinstance(node, ast.Call)
            and instance is not None
            and classes.makes_table(instance.cls, spelled(node.func))
        )

    def _repeat(self, node: ast.For | ast.While) -> None:
        outer, self.frame.left = self.frame.left, []
        items: list[Value] = [Plain()]
        if isinstance(node, ast.For):
            items = items_of(self.expressions.value(node.iter))
        item = items[0] if items else Plain()
        for other in items[1:]:
            item = joined(item, other)
        self.frame.loops += 1
        for _ in range(_TURNS):
            before, changes = dict(self.frame.names), self.expressions.interpreter.store.changes
            if isinstance(node, ast.For):
                self.bind(node.target, item)
            else:
                truth(self.expressions.value(node.test))
            after = [before, *([self.frame.names] if self.run(node.body) else []), *self.frame.left]
            self.frame.names = before
            for names in after[1:]:
                self.frame.names = joined_names(self.frame.names, names)
            if self.frame.names == before and changes == self.expressions.interpreter.store.changes:
                break
        else:
            raise NotFollowed("a loop that changes something in every turn")
        self.frame.left = outer
        self.frame.loops -= 1
        self.run(node.orelse)

    def _try(self, node: ast.Try) -> bool:
        ways = [[*node.body, *node.orelse], *(handler.body for handler in node.handlers)]
        goes_on = self._either(*ways)
        return self.run(node.finalbody) and goes_on

    def bind(self, target: ast.expr, value: Value) -> None:
        """Gives a value to what stands on the left of an assignment."""
        if isinstance(target, ast.Name):
            self.frame.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Attribute):
            self.expressions.keep_attribute(self.expressions.value(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._put(target, value)
        else:
            raise NotFollowed("an assignment that is not understood")

    def _unpack(self, targets: Sequence[ast.expr], value: Value) -> None:
        starred = next((index for index, item in enumerate(targets) if isinstance(item, ast.Starred)), None)
        value = meant(value, Several)
        if isinstance(value, Several) and value.items is not None and starred is not None:
            last = len(value.items) - (len(targets) - starred - 1)
            target = targets[starred]
            assert isinstance(target, ast.Starred), "it was found as one"
            self._unpack(
                [*targets[:starred], target.value, *targets[starred + 1 :]],
                Several((*value.items[:starred], Several(value.items[starred:last]), *value.items[last:])),
            )
            return
        if isinstance(value, Several) and value.items is not None:
            if len(value.items) != len(targets):
                raise NotFollowed(f"{len(value.items)} values for {len(targets)} names")
            for target, item in zip(targets, value.items, strict=True):
                self.bind(target, item)
            return
        items = items_of(value)
        for target in targets:
            self.bind(target.value if isinstance(target, ast.Starred) else target, items[0] if items else Plain())

    def _put(self, target: ast.Subscript, value: Value) -> None:
        held = present(self.expressions.value(target.value))
        if isinstance(held, Shared):
            self.expressions.interpreter.keep_entry(held, self.expressions.value(target.slice), value)
            return
        if isinstance(held, Tensor) and held.kept:
            raise NotFollowed(f"something is written into `{spelled(target.value)}`, which a module keeps")
        if isinstance(held, Tensor):
            place = self.expressions.subscript(held, target)
            changed: Value = written(held, place, value)
        elif isinstance(held, Table):
            changed = put(held, self.expressions.value(target.slice), value)
        elif isinstance(held, Several):
            changed = _with_item(Several(None, each(held)), value)
        elif carries(held) or carries(value):
            raise NotFollowed("something is written into what is not understood")
        else:
            return
        if isinstance(target.value, ast.Name):
            self._change(target.value.id, held, changed)
        elif isinstance(target.value, ast.Attribute) and not isinstance(held, Tensor):
            self.expressions.keep_attribute(self.expressions.value(target.value.value), target.value.attr, changed)
        elif changed != held:
            raise NotFollowed(f"something is written into `{spelled(target.value)}`")


def _only_speaks(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and spelled(node.func).startswith(_SPEAKERS)


def _with_item(held: Several, item: Value) -> Several:
    if held.items is not None and len(held.items) < _TURNS:
        return Several((*held.items, item))
    each = held.each if held.items is None else None
    for value in held.items or ():
        each = value if each is None else joined(each, value)
    return Several(None, item if each is None else joined(each, item))
