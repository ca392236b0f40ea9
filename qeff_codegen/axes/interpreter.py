"""The interpretation of a whole module, from the causal LM's forward on, function by function.

Modules are what their `__init__` makes of them, which is interpreted as well. A function that is given what it was
given before is not interpreted again.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import replace
from typing import Any

from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import FOR_CROSS_ATTENTION, parameters
from qeff_codegen.anatomy.module_lists import is_module_list, modules_in
from qeff_codegen.anatomy.optional_kernels import is_optional_kernel
from qeff_codegen.axes import calls, imported_names
from qeff_codegen.axes.classes import Classes, Found
from qeff_codegen.axes.expressions import Expressions
from qeff_codegen.axes.frame import Frame, Names
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.inputs import INPUTS, OWN_TABLES
from qeff_codegen.axes.statements import Statements
from qeff_codegen.axes.store import Store
from qeff_codegen.axes.told import told_when_made
from qeff_codegen.axes.values import (
    NONE,
    SOME,
    Callable,
    External,
    Instance,
    Layer,
    Method,
    NotFollowed,
    NothingYet,
    OneOf,
    Option,
    Plain,
    Several,
    Shared,
    Split,
    Table,
    Tensor,
    Value,
    options,
)
from qeff_codegen.axes.ways import each_of, joined, sized, unnamed
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import INITIALIZER, FinishedModule

# Methods of every module that give it an attribute.
REGISTERING = ("register_buffer", "register_parameter")
MODULE_ADDING = ("add_module", "register_module")
# By which name the modules of a class are kept that is itself a list of modules.
LISTED = "modules of the list"


class Interpreter:
    """Follows axes through one finished module."""

    def __init__(self, module: FinishedModule) -> None:
        self.classes = Classes(module)
        self.module = module
        self._attributes: dict[tuple[str, str], Value] = {}
        self.store = Store(self.classes.stored)
        self._made: set[str] = set()
        self._told: dict[str, dict[str, Value]] = {}
        self._making: set[tuple[str, str]] = set()
        self._results: dict[Any, Value] = {}
        self._running: set[Any] = set()
        # Ways on which something was read that nothing had written, and those that were gone to their end since.
        self.waiting: dict[int, ast.AST] = {}
        self.gone: set[int] = set()
        # How many methods are running that make modules.
        self.makes = 0
        self.reached: set[int] = set()

    def run(self) -> None:
        """Interprets the causal LM's forward and everything that it calls.

        Raises:
            NotFollowed: with the place of the first expression that breaks the promise or is not understood.
        """
        cls = self.module.anatomy.causal_lm.name
        found = self.classes.method(cls, "forward")
        assert isinstance(found, Found), "the causal LM has a forward"
        given = {name: INPUTS[name] for name in parameters(found.function) if name in INPUTS}
        self.call(Method(Instance(cls), "forward"), Given("forward", (), given), found.function)
        for way, node in self.waiting.items():
            if way not in self.gone:
                raise NotFollowed("something is read that nothing writes", node)

    def global_name(self, name: str, generated: bool) -> Value:
        """What a name is that no function binds."""
        found = self.classes.function(name, generated)
        if found is not None and not found[1] and len(bound := self.classes.file.bindings[name]) > 1:
            other = next(item.node for item in bound if item.node is not found[0])
            raise NotFollowed(f"`{name}` may be another function", other)
        if found is not None:
            return Callable(*found)
        if self.classes.is_class(name):
            return External(f".{name}")
        imported = self.classes.imported(name)
        if imported is not None:
            is_constant = name.isupper() and imported.name.endswith(f".{name}")
            return (
                Plain(name)
                if is_constant and imported.name not in calls.CALLABLE_CONSTANTS
                else imported_names.imported(imported.name)
            )
        if name in self.classes.file.tables:
            return self._table_of_classes(name)
        if is_optional_kernel(name, self.classes.file):
            # The graph is made where there is none.
            return NONE
        if name in self.classes.file.names:
            return Plain(name)
        if not hasattr(builtins, name):
            raise NotFollowed(f"it is not known what `{name}` is")
        return External(f"builtins.{name}")

    def _table_of_classes(self, name: str) -> Value:
        """A table of classes, as far as they have a role."""
        held = [
            cls
            for cls in self.classes.file.tables[name]
            if self.module.anatomy.part(cls) is not None or name in self.classes.kind_tables
        ]
        return Table((), OneOf(tuple(External(f".{cls}") for cls in held))) if held else Plain(name)

    def statements(self, expressions: Expressions, frame: Frame) -> Statements:
        """What runs statements in a frame."""
        return Statements(expressions, frame)

    def call(self, function: Value, given: Given, node: ast.AST) -> Value:
        """What a call gives."""
        if isinstance(function, Callable):
            return self._run(function, given)
        if isinstance(function, External):
            return imported_names.call(self, function, given, node)
        return calls.call(self, function, given, node)

    def add_module(self, instance: Instance, name: str, module: Value) -> None:
        """Keeps what is appended to a list of modules."""
        held = self._attributes.get((instance.cls, name))
        each = each_of(held, Several((module,))) if isinstance(held, Several) else module
        self._attributes[instance.cls, name] = Several(None, each)

    def listed(self, instance: Instance) -> Value | None:
        """What a module that is itself a list of modules holds; None for any other.

        Raises:
            NotFollowed: it may hold more than its `__init__` appends to it.
        """
        if not self._is_list(instance):
            return None
        if modules_in(self.classes.file.classes[instance.cls], self.classes.file.classes) is None:
            raise NotFollowed(f"it is not known which modules `{instance.cls}` holds")
        self._make(instance)
        return self._attributes.get((instance.cls, LISTED))

    def _is_list(self, instance: Instance) -> bool:
        return is_module_list(self.classes.file.classes[instance.cls])

    def call_method(self, instance: Instance, name: str, given: Given, after: str = "") -> Value:
        """What a method of a module of this file gives."""
        if instance.cls in self.classes.of_runtime and name == "forward":
            return self.call(Layer("our norm"), given, ast.Pass())
        found = self.classes.method(instance.cls, name, after)
        if found is None and name in MODULE_ADDING:
            module, label = given.take(1, "module"), given.take(0, "name")
            if isinstance(label, Plain) and isinstance(label.constant, str) and module is not None:
                self.keep(instance, label.constant, module)
            return NONE
        if found is None and name in REGISTERING:
            value, label = given.take(1, "tensor", "param"), given.take(0, "name")
            if isinstance(label, Plain) and value is not None:
                kept = value if isinstance(value, Tensor) or value == NONE else Tensor(None)
                self.keep(instance, label.constant if isinstance(label.constant, str) else label.text, kept)
            return NONE
        if name == "append" and self.makes and self._is_list(instance):
            self.add_module(instance, LISTED, given.positional[0])
            return NONE
        if isinstance(found, Layer):
            return self.call(found if name == "forward" else Method(found, name), given, ast.Pass())
        if found is None:
            return self.call(Method(Plain(f"{instance.cls}.{name}"), name), given, ast.Pass())
        return self._run(Callable(found.function, found.generated, instance, found.owner), given)

    def inherited(self, frame: Frame, name: str) -> Value:
        """What `super().name` is."""
        if frame.instance is None:
            raise NotFollowed("`super()` outside of a class")
        found = self.classes.method(frame.instance.cls, name, frame.owner)
        if isinstance(found, Layer):
            return found if name == "forward" else Method(found, name)
        if found is None:
            return Plain(f"super().{name}")
        return Callable(found.function, found.generated, frame.instance, found.owner)

    def _run(self, callable_: Callable, given: Given) -> Value:
        function = callable_.function
        names = {name: unnamed(value) for name, value in self._bound(callable_, given).items()}
        self.classes.must_be_itself(callable_)
        key = (id(function), callable_.instance, callable_.closure, tuple(names.items()), self.store.changes)
        if key not in self._results:
            running = key[:-1]
            if running in self._running:
                raise NotFollowed("a function that calls itself")
            self._running.add(running)
            self.reached.add(id(function))
            try:
                self._results[key] = unnamed(self._followed(callable_, names, {}))
            finally:
                self._running.discard(running)
        result = self._results[key]
        if callable_.results is None:
            return result
        if isinstance(result, Several) and result.items is not None:
            return Several(result.items[: callable_.results])
        raise NotFollowed("attention that does not return as many values as blocks of it are added up by")

    def _followed(self, callable_: Callable, names: Names, assumed: dict[str, bool]) -> Value:
        """What a function returns, followed once or, where ways through it have nothing in common, for each way."""
        function = callable_.function
        known = {**dict(callable_.closure), **{name: sized(value, name) for name, value in names.items()}}
        frame = Frame(
            callable_.generated, callable_.instance, callable_.owner, known, frozenset(names), assumed=assumed
        )
        expressions = Expressions(self, frame)
        try:
            if isinstance(function, ast.Lambda):
                frame.returned.append(expressions.value(function.body))
            elif Statements(expressions, frame).run(function.body):
                frame.returned.append(NONE)
        except Split as split:
            if split.condition in assumed:
                raise NotFollowed(f"`{split.condition}` decides what axes something has") from None
            ways = [self._way(callable_, names, {**assumed, split.condition: holds}) for holds in (True, False)]
            taken = [unnamed(way) for way in ways if way is not None]
            if not taken:
                raise NothingYet from None
            return joined(taken[0], taken[-1])
        return self._returned(frame)

    def _way(self, callable_: Callable, names: Names, assumed: dict[str, bool]) -> Value | None:
        """What a function returns where a condition holds; None where no call comes so far."""
        try:
            return self._followed(callable_, names, assumed)
        except NothingYet:
            return None

    def _returned(self, frame: Frame) -> Value:
        if not frame.returned:
            return NONE
        found = frame.returned[0]
        for value in frame.returned[1:]:
            found = joined(found, value)
        return found

    def _bound(self, callable_: Callable, given: Given) -> Names:
        """What the parameters hold."""
        function, arguments = callable_.function, callable_.function.args
        listed = [item.arg for item in (*arguments.posonlyargs, *arguments.args)]
        names: Names = {}
        static = isinstance(function, ast.FunctionDef) and any(
            spelled(item) == "staticmethod" for item in function.decorator_list
        )
        if callable_.instance is not None and isinstance(function, ast.FunctionDef) and not static and listed:
            names[listed.pop(0)] = callable_.instance
        names.update(zip(listed, given.positional, strict=False))
        if arguments.vararg is not None:
            names[arguments.vararg.arg] = Several(given.positional[len(listed) :])
        every = {*listed, *(item.arg for item in arguments.kwonlyargs)}
        names |= {name: value for name, value in given.keywords.items() if name in every}
        if arguments.kwarg is not None:
            others = {name: value for name, value in given.keywords.items() if name not in every}
            names[arguments.kwarg.arg] = Table(tuple(others.items()))
        defaults = dict(zip(listed[len(listed) - len(arguments.defaults) :], arguments.defaults, strict=False))
        for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                defaults[item.arg] = default
        frame = Frame(callable_.generated, None, "", dict(callable_.closure))
        for name in every - names.keys():
            names[name] = Expressions(self, frame).value(defaults[name]) if name in defaults else Plain(name)
        return names

    def attribute(self, option: Option, name: str) -> Value:
        """What an attribute of a module is."""
        if isinstance(option, (Callable, External)):
            return External(f"{option.name}.{name}") if isinstance(option, External) else Plain(name)
        if isinstance(option, Layer):
            return calls.attribute_of_layer(option, name)
        if name in REGISTERING or name in MODULE_ADDING:
            return Method(option, name)
        if name == "training":
            return Plain("False", False)
        if option.cls in self.classes.of_runtime:
            return calls.attribute_of_layer(Layer("LayerNorm"), name)
        own = next((table for ending, table in OWN_TABLES.items() if name.rstrip("'").endswith(ending)), None)
        if own is not None:
            return own
        self._make(option)
        kept = self._attributes.get((option.cls, name))
        if kept is not None:
            return replace(kept, kept=True) if isinstance(kept, (Tensor, Several, Table)) else kept
        found = self.classes.method(option.cls, name)
        if isinstance(found, Found):
            if any(spelled(item) == "property" for item in found.function.decorator_list):
                return self.call_method(option, name, Given(name, (), {}))
            return Method(option, name)
        if isinstance(found, Layer) and name in {"weight", "bias", "normalized_shape"}:
            return calls.attribute_of_layer(found, name)
        if name == "to" or (name == "append" and self._is_list(option)):
            return Method(option, name)
        return self._made_by_a_method(option, name)

    def _made_by_a_method(self, option: Instance, name: str) -> Value:
        """An attribute that no `__init__` assigns: one that another method makes, or what the class says."""
        if (option.cls, name) in self._making:
            return Plain(f"{option.cls}.{name}")
        self._making.add((option.cls, name))
        for method in self.classes.file.classes[option.cls].methods.values():
            stored = {spelled(node) for node in find(ast.Attribute, method) if isinstance(node.ctx, ast.Store)}
            if f"self.{name}" in stored or name in {buffer.name for buffer in buffers_of(method)}:
                self._run_with_any(option, Found(method, option.cls, False))
        return self._attributes.get((option.cls, name), Plain(f"{option.cls}.{name}"))

    def _make(self, instance: Instance) -> None:
        """Learns what a module has from its `__init__`, and from ours, which runs after it."""
        if instance.cls in self._made:
            return
        self._made.add(instance.cls)
        for name in ("__init__", INITIALIZER):
            found = self.classes.method(instance.cls, name)
            if isinstance(found, Found):
                self._run_with_any(instance, found)

    def note_made(self, cls: str, given: Given) -> None:
        """Notes what a module is told when it is made; who is told different things is made for any of them."""
        made = self.classes.method(cls, "__init__")
        listed = parameters(made.function) if isinstance(made, Found) and given.complete else ()
        told = told_when_made(made.function, listed, given) if isinstance(made, Found) and listed else {}
        before = self._told.get(cls)
        if before is None:
            self._told[cls] = told
        elif before != told:
            self._told[cls] = {name: value for name, value in before.items() if told.get(name) == value}
            self._made.discard(cls)
            self.store.changes += 1

    def _run_with_any(self, instance: Instance, found: Found) -> None:
        """Runs a method that is given nothing followed, as far as it is understood.

        A causal LM is exported without an encoder, so nothing in it is made for cross-attention.
        """
        function = found.function
        callable_ = Callable(function, found.generated, instance, found.owner)
        names: Names = {
            name: Plain(name if "config" in name else f"{instance.cls}.{name}") for name in parameters(function)
        }
        names |= {name: value for name, value in self._told.get(instance.cls, {}).items() if name in names}
        names |= {name: Plain("False", False) for name in names if name == FOR_CROSS_ATTENTION}
        frame = Frame(found.generated, instance, found.owner, self._bound(callable_, Given("", (), dict(names))))
        expressions = Expressions(self, frame)
        statements = Statements(expressions, frame)
        self.makes += 1
        for statement in function.body:
            try:
                if not statements.run([statement]):
                    break
            except (NotFollowed, NothingYet, Split):
                continue
        self.makes -= 1

    def keep(self, instance: Instance, name: str, value: Value) -> None:
        """Keeps an attribute of a module."""
        value = unnamed(value)
        if isinstance(value, Plain) and (value.text == SOME or isinstance(value.constant, bool)):
            value = Plain(f"{instance.cls}.{name}")
        key = (instance.cls, name)
        if key in self._attributes and options(self._attributes[key]) and isinstance(value, Plain):
            # A function that a configuration holds in the place of a name is one like those that have names.
            return
        self._attributes[key] = joined(self._attributes[key], value) if key in self._attributes else value

    def keep_entry(self, holder: Shared, key: Value, value: Value) -> None:
        """Keeps what is written into a dictionary.

        Raises:
            NotFollowed: a module has it, and would find the entry there in the next call.
        """
        if not self.makes and any(value == holder for value in self._attributes.values()):
            raise NotFollowed("something is written into a dictionary that a module keeps between calls")
        self.store.keep_shared(holder, key, value)
