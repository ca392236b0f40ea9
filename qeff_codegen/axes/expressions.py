"""Expressions: what is known of the value of each."""

from __future__ import annotations

import ast
from collections.abc import Callable as Function
from typing import TYPE_CHECKING, Any

from qeff_codegen.axes import arithmetic, elementwise, imported_names, parts
from qeff_codegen.axes.frame import Frame
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.indexing import ELLIPSIS, Cut, Index, Last, indexed
from qeff_codegen.axes.narrowing import narrow, unlearn
from qeff_codegen.axes.values import (
    NONE,
    Cache,
    Callable,
    Count,
    Decision,
    External,
    Instance,
    Method,
    NotFollowed,
    NotKnown,
    Option,
    Plain,
    Record,
    Several,
    Shared,
    Table,
    Tensor,
    Value,
    carries,
    meant,
    options,
    present,
)
from qeff_codegen.axes.ways import joined, sized, unnamed
from qeff_codegen.codemod.tree import spelled

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter

# What says something to a reader and changes nothing.


class Expressions:
    """Interprets the expressions of one function."""

    def __init__(self, interpreter: Interpreter, frame: Frame) -> None:
        self.interpreter = interpreter
        self.frame = frame
        # How many values are taken of what a call gives, where it is unpacked.
        self.wanted: dict[ast.expr, int] = {}

    def value(self, node: ast.expr) -> Value:
        """What is known of an expression's value.

        Raises:
            NotFollowed: the expression breaks the promise, or is not understood.
        """
        try:
            return _KINDS[type(node)](self, node)
        except NotFollowed as refused:
            if refused.node is None:
                refused.node, refused.generated = node, self.frame.generated
            raise
        except KeyError:
            if type(node) in _KINDS:
                raise
            return NotKnown("it is an expression that is not understood")

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.frame.names:
            return self.frame.names[node.id]
        return self.interpreter.global_name(node.id, self.frame.generated)

    def _constant(self, node: ast.Constant) -> Value:
        return ELLIPSIS if node.value is ... else Plain(repr(node.value), node.value)

    def _text(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and carries(self.value(part.value)):
                return NotKnown("it is a text that says something of a followed axis")
        parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        return Plain("f" + repr("".join(parts)))

    def _tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Value:
        items: list[Value] = []
        for item in node.elts:
            if not isinstance(item, ast.Starred):
                items.append(self.value(item))
                continue
            several = present(self.value(item.value))
            if not isinstance(several, Several) or several.items is None:
                return Several(None, parts.all_joined([*items, *parts.items(several)]))
            items += several.items
        return Several(tuple(items))

    def _dictionary(self, node: ast.Dict) -> Value:
        if not node.keys:
            return self.interpreter.store.container(f"{self.frame.generated}:{node.lineno}:{node.col_offset}")
        table = Table(())
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            name = self.value(key) if key is not None else None
            if name is None and isinstance(value := self._opened(value), Table):
                table = Table((*table.items, *value.items), value.each)
            elif isinstance(name, Plain) and name.constant is not ...:
                table = table.with_item(name.constant, value)
            else:
                table = Table(table.items, value if table.each is None else joined(table.each, value))
        return table

    def _attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Call) and spelled(node.value.func) == "super":
            return self.interpreter.inherited(self.frame, node.attr)
        if self.frame.assumed and (assumed := self.frame.assumed.get(spelled(node))) is not None:
            return arithmetic.truth_value(assumed)
        if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in self.frame.names:
            return self.frame.names[f"{node.value.id}.{node.attr}"]
        value = self.attribute_of(meant(self.value(node.value), Tensor), node.attr)
        if node.attr == "shape":
            self._must_be_there(node.value)
        return value

    def _must_be_there(self, node: ast.expr) -> None:
        """What was asked for its shape is not None: otherwise nothing would be computed after it."""
        if isinstance(node, ast.Name) and isinstance(held := self.frame.names.get(node.id), Tensor) and held.optional:
            self.frame.names[node.id] = present(held)

    def attribute_of(self, value: Value, name: str) -> Value:
        """What an attribute of a value is."""
        if isinstance(value, Tensor):
            return parts.of_tensor(value, name)
        if isinstance(value, External):
            return imported_names.imported(f"{value.name}.{name}")
        if isinstance(value, Plain):
            return Plain(f"{value.text}.{name}" if value.text != "?" else "?")
        if isinstance(value, Record):
            return next((item for key, item in value.items if key == name), NONE)
        if isinstance(value, Several) and name in {"values", "indices"}:
            return parts.each(value) if value.items is None else value.items[int(name == "indices")]
        if options(value):
            # Code that asks a module for what it has not fails: where one of several has it, that is the module.
            having = [item for item in options(value) if not _lacks(self.interpreter, item, name)] or options(value)
            return parts.all_joined([self.interpreter.attribute(option, name) for option in having])
        if isinstance(value, Cache):
            return self.interpreter.store.of_cache(name)
        if isinstance(value, NotKnown):
            raise NotFollowed(value.why)
        return Method(value, name)

    def _subscript(self, node: ast.Subscript) -> Value:
        held = present(self.value(node.value))
        if isinstance(held, Tensor):
            return self._sized(indexed(held, self.subscript(held, node)), node)
        if isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            return parts.sliced(held, [None if bound is None else self.value(bound) for bound in bounds])
        return parts.taken(self.interpreter, held, self.value(node.slice), spelled(node))

    def subscript(self, held: Tensor, node: ast.Subscript) -> list[Index]:
        """What stands in the subscript of a tensor."""
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        found: list[Index] = []
        for item in items:
            if isinstance(item, ast.Slice):
                lower, upper, step = (
                    None if bound is None else self.value(bound) for bound in (item.lower, item.upper, item.step)
                )
                found.append(Cut(self._from_end(item.lower) or lower, upper, step))
            elif isinstance(item, ast.Starred):
                raise NotFollowed("a subscript that is not understood")
            else:
                value = self.value(item)
                found.append(None if value == NONE else value)
        return found

    def _from_end(self, bound: ast.expr | None) -> Last | None:
        """A bound that is counted from the end by the size of a followed axis."""
        if not isinstance(bound, ast.UnaryOp) or not isinstance(bound.op, ast.USub):
            return None
        counted = self.value(bound.operand)
        return Last(counted.axis) if isinstance(counted, Count) else None

    def _call(self, node: ast.Call) -> Value:
        function = self.value(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"setdefault", "pop"}:
            if isinstance(node.func.value, ast.Attribute) and options(self.value(node.func.value.value)):
                self._must_make(node.func.value.attr)
        positional: list[Value] = []
        complete = True
        for item in node.args:
            if isinstance(item, ast.Starred):
                several = present(self.value(item.value))
                if isinstance(several, Several) and several.items is not None:
                    positional += several.items
                elif carries(several):
                    raise NotFollowed("it is not known how many arguments are given")
                else:
                    complete = False
            else:
                positional.append(self.value(item))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value := self._opened(value), Table):
                keywords |= {name: item for name, item in value.items if isinstance(name, str)}
            elif carries(value):
                raise NotFollowed("it is not known which arguments are given")
        rotation = self.frame.instance is not None and self.frame.instance.cls in self.interpreter.classes.rotations
        given = Given(spelled(node.func), tuple(positional), keywords, rotation, self.wanted.get(node), complete)
        return self._sized(self.interpreter.call(function, given, node), node)

    def _opened(self, value: Value) -> Value:
        """A dictionary that is written in several places as what it holds so far."""
        return self.interpreter.store.shared(value) if isinstance(value, Shared) else value

    def _sized(self, value: Value, node: ast.expr) -> Value:
        """A value whose unknown sizes are named by where it is made, which is the same all through a function.

        In a loop it may be another one every time.
        """
        if self.frame.loops or not isinstance(value, (Tensor, Several)):
            return value
        place = f"{node.lineno}:{node.col_offset}:{node.end_col_offset}"
        if isinstance(value, Several) and value.items is not None:
            return Several(tuple(sized(item, f"{place}:{number}") for number, item in enumerate(value.items)))
        return sized(value, place)

    def _operator(self, node: ast.BinOp) -> Value:
        return self._sized(arithmetic.combined(node.op, self.value(node.left), self.value(node.right)), node)

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            if isinstance(value, Decision):
                return value
            decided = arithmetic.truth(value)
            return Plain() if decided is None else arithmetic.truth_value(not decided)
        if isinstance(value, Tensor):
            return elementwise.computed("neg", [value])
        if isinstance(value, Plain):
            if isinstance(node.op, ast.USub) and isinstance(value.constant, (int, float)):
                return Plain(f"-{value.text}", -value.constant)
            return Plain()
        return arithmetic.combined(ast.Sub(), value, Plain("0", 0)) if carries(value) else Plain()

    def _compare(self, node: ast.Compare) -> Value:
        if self.frame.assumed and (assumed := self.frame.assumed.get(spelled(node))) is not None:
            return arithmetic.truth_value(assumed)
        values = [self.value(item) for item in (node.left, *node.comparators)]
        results = [
            arithmetic.compared(sign, one, other, spelled(node))
            for sign, one, other in zip(node.ops, values[:-1], values[1:], strict=True)
        ]
        return results[0] if len(results) == 1 else self._decided(results)

    def _decided(self, results: list[Value]) -> Value:
        return next((item for item in results if isinstance(item, Decision)), Plain())

    def _boolean(self, node: ast.BoolOp) -> Value:
        stops = isinstance(node.op, ast.Or)
        found: list[Value] = []
        for item in node.values:
            before = dict(self.frame.names)
            value = self.value(item)
            if item is not node.values[0]:
                unlearn(self.frame, before)
            decided = None if isinstance(value, Decision) else arithmetic.truth(value)
            if decided is None or decided is stops or item is node.values[-1]:
                found.append(value)
            if decided is stops and all(isinstance(one, Plain) for one in found):
                return value
            if decided is stops:
                break
        decision = next((item for item in found if isinstance(item, Decision)), None)
        return decision if decision is not None else parts.all_joined(found)

    def _conditional(self, node: ast.IfExp) -> Value:
        decided = arithmetic.truth(self.value(node.test))
        if decided is not None:
            return self.value(node.body if decided else node.orelse)
        before, found = self.frame.names, list[Value]()
        for holds, way in ((True, node.body), (False, node.orelse)):
            self.frame.names = dict(before)
            narrow(self, node.test, holds)
            found.append(self.value(way))
        self.frame.names = before
        return joined(*found)

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.frame.names[node.target.id] = value
        return value

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        before = dict(self.frame.names)
        self.frame.loops += 1
        try:
            return self._each_of(node)
        finally:
            self.frame.loops -= 1
            self.frame.names = before

    def _each_of(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        several = self.value(node.generators[0].iter)
        one = len(node.generators) == 1 and not node.generators[0].ifs
        if one and isinstance(several, Several) and several.items is not None:
            return Several(tuple(self._with(node.generators[0].target, item, node.elt) for item in several.items))
        for generator in node.generators:
            self._bind(generator.target, parts.all_joined(parts.items(self.value(generator.iter))))
            for condition in generator.ifs:
                arithmetic.truth(self.value(condition))
        return Several(None, self.value(node.elt))

    def _table_of(self, node: ast.DictComp) -> Value:
        before = dict(self.frame.names)
        for generator in node.generators:
            self._bind(generator.target, parts.all_joined(parts.items(self.value(generator.iter))))
            for condition in generator.ifs:
                arithmetic.truth(self.value(condition))
        value = self.value(node.value)
        self.frame.names = before
        return Table((), value)

    def _with(self, target: ast.expr, item: Value, node: ast.expr) -> Value:
        self._bind(target, item)
        return self.value(node)

    def _bind(self, target: ast.expr, value: Value) -> None:
        self.interpreter.statements(self, self.frame).bind(target, value)

    def _lambda(self, node: ast.Lambda) -> Value:
        closure = tuple((name, unnamed(value)) for name, value in self.frame.names.items())
        return Callable(node, self.frame.generated, self.frame.instance, self.frame.owner, None, closure)

    def _starred(self, node: ast.Starred) -> Value:
        return self.value(node.value)

    def keep_attribute(self, holder: Value, name: str, value: Value) -> None:
        """Keeps what is assigned to an attribute."""
        if isinstance(holder, Instance):
            self._must_make(name)
            self.interpreter.keep(holder, name, value)
        elif isinstance(holder, Tensor):
            self._must_make(name)
        elif isinstance(holder, Cache):
            self.interpreter.store.keep_on_cache(name, value)
        elif carries(value) and not options(holder):
            raise NotFollowed("something is kept where it is not followed")

    def add_to_attribute(self, holder: Instance, name: str, values: list[Value]) -> None:
        """Keeps what is put into a list or dictionary that a module has."""
        self._must_make(name)
        for value in values:
            for item in parts.items(value) if isinstance(value, (Several, Table)) else [value]:
                self.interpreter.add_module(holder, name, item)

    def _must_make(self, name: str) -> None:
        if not self.interpreter.makes:
            raise NotFollowed(f"`{name}` is kept between calls")


def _lacks(interpreter: Interpreter, option: Option, name: str) -> bool:
    """Whether a module is known to have no weight of a name: its class is a plain `nn.Module` that makes none."""
    if not isinstance(option, Instance) or name not in {"weight", "bias"}:
        return False
    plain = interpreter.classes.file.classes[option.cls].bases == ("nn.Module",)
    return plain and interpreter.attribute(option, name) == Plain(f"{option.cls}.{name}")


_KINDS: dict[type[ast.AST], Function[[Expressions, Any], Value]] = {
    ast.Name: Expressions._name,
    ast.Constant: Expressions._constant,
    ast.JoinedStr: Expressions._text,
    ast.Tuple: Expressions._tuple,
    ast.List: Expressions._tuple,
    ast.Set: Expressions._tuple,
    ast.Dict: Expressions._dictionary,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: Expressions._call,
    ast.BinOp: Expressions._operator,
    ast.UnaryOp: Expressions._unary,
    ast.Compare: Expressions._compare,
    ast.BoolOp: Expressions._boolean,
    ast.IfExp: Expressions._conditional,
    ast.NamedExpr: Expressions._walrus,
    ast.ListComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.DictComp: Expressions._table_of,
    ast.Lambda: Expressions._lambda,
    ast.Starred: Expressions._starred,
}
