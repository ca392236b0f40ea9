"""Which function a name or a method stands for: of the generated file where it has one, else of upstream's."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.kind_tables import find_kind_tables
from qeff_codegen.axes.kinds import Choice, choices_of
from qeff_codegen.axes.values import Callable, External, Layer, NotFollowed
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.targets.target import PREFIX

# Decorators that leave what a function computes as it is; transformers' own are known as well.
_DECORATORS = frozenset(
    [
        *("staticmethod", "classmethod", "property", "abstractmethod", "abc.abstractmethod", "dataclass"),
        *("torch.no_grad", "torch.inference_mode", "torch.enable_grad", "torch.jit.ignore", "torch.jit.unused"),
        *("torch.jit.script", "torch.jit.script_if_tracing", "torch.compile", "torch.compiler.disable"),
        *("torch._dynamo.disable", "torch.amp.custom_fwd", "torch.amp.custom_bwd", "cached_property"),
    ]
)
# Bases that bring no forward of their own.
_PLAIN_BASES = frozenset({"Module", "GradientCheckpointingLayer", "GenerationMixin", "PreTrainedModel"})


@dataclass(frozen=True, slots=True)
class Found:
    """A method, the class that defines it, and which file it stands in."""

    function: ast.FunctionDef
    owner: str
    generated: bool


class Classes:
    """The classes and functions of a finished module, generated ones in the place of those they replace."""

    def __init__(self, module: FinishedModule) -> None:
        self.module = module
        self.file = module.anatomy.file
        self._functions = {name: function for name, function in module.functions if "." not in name}
        self._methods = {
            f"{node.name}.{item.name}": item
            for node in module.tree.body
            if isinstance(node, ast.ClassDef)
            for item in node.body
            if isinstance(item, ast.FunctionDef)
        }
        replaced = {entry.upstream_class: entry for entry in module.mappings}
        self.of_runtime = frozenset(
            name for name, entry in replaced.items() if entry.replacement not in module.defined
        )
        attributes = find(ast.Attribute, module.tree)
        self.stored = frozenset(node.attr for node in attributes if isinstance(node.ctx, ast.Store))
        self.rotations = frozenset(part.name for part in module.anatomy.rotary)
        self.kind_tables = frozenset(find_kind_tables(self.file.tree, set(self.file.classes)))
        self._choices: dict[str, dict[str, dict[str, Choice]]] = {}
        self._kept: dict[tuple[str, str, str], Found | Layer | None] = {}

    def choices(self, cls: str) -> dict[str, dict[str, Choice]]:
        """The modules that a class of the file chooses by its kind."""
        if cls not in self._choices:
            self._choices[cls] = choices_of(self.file.classes[cls], self.file) if cls in self.file.classes else {}
        return self._choices[cls]

    def function(self, name: str, generated: bool) -> tuple[ast.FunctionDef, bool] | None:
        """A function that a name stands for in generated or in upstream's code, and which file it stands in."""
        if generated and name in self._functions:
            return self._functions[name], True
        return (self.file.functions[name], False) if name in self.file.functions else None

    def must_be_itself(self, callable_: Callable) -> None:
        """Refuses what a decorator may have made another function of.

        Raises:
            NotFollowed: it is one of the file, or not known to leave what is computed as it is.
        """
        function = callable_.function
        for decorator in function.decorator_list if isinstance(function, ast.FunctionDef) else ():
            called = spelled(decorator.func if isinstance(decorator, ast.Call) else decorator)
            full = self.file.aliases.get(called.split(".")[0], called)
            if called not in _DECORATORS and not full.startswith("transformers."):
                what = f"it is not known what `@{called}` makes of a function"
                raise NotFollowed(what, decorator, generated=callable_.generated)

    def is_class(self, name: str) -> bool:
        """Whether a name is that of a class of the file, or of one that replaces it."""
        return name.removeprefix(PREFIX) in self.file.classes

    def is_module(self, name: str) -> bool:
        """Whether a class of the file is a module, and not a record of outputs or the like."""
        cls = self.file.classes[name]
        bases = [base.rsplit(".", 1)[-1] for base in cls.bases]
        if any(base in _PLAIN_BASES or base[:1].isupper() and f"nn.{base}" in cls.bases for base in bases):
            return True
        return any(self.is_module(base) for base in bases if base in self.file.classes and base != name)

    def imported(self, name: str) -> External | None:
        """What an imported name is, with its full name."""
        full = self.file.aliases.get(name)
        if full is None and name in self.module.imports:
            source = self.module.imports[name]
            full = source if source.rsplit(".", 1)[-1] == name else f"{source}.{name}"
        return None if full is None else External(full)

    def method(self, cls: str, name: str, after: str = "") -> Found | Layer | None:
        """The method that runs for an instance, or the layer of another package that a class inherits it from.

        Args:
            after: the class that asks for what it inherits.
        """
        key = (cls, name, after)
        if key not in self._kept:
            self._kept[key] = self._method(cls, name, after)
        return self._kept[key]

    def makes_table(self, cls: str, text: str) -> bool:
        """Whether a call is that of a method which `__init__` calls too: it makes a table of the module, anew."""
        if not text.startswith("self."):
            return False
        made = self.method(cls, "__init__")
        return isinstance(made, Found) and text in {spelled(call.func) for call in find(ast.Call, made.function)}

    def _method(self, cls: str, name: str, after: str) -> Found | Layer | None:
        order = self._order(cls)
        if after:
            order = order[order.index(after) + 1 :] if after in order else order
        for owner in order:
            generated = self._methods.get(f"{owner}.{name}")
            if owner.startswith(PREFIX) and generated is not None:
                return Found(generated, owner, True)
            own = self.file.classes.get(owner)
            if own is not None and name in own.methods:
                return Found(own.methods[name], owner, False)
            if own is None and not owner.startswith(PREFIX) and owner not in _PLAIN_BASES:
                return Layer(owner)
        return None

    def _order(self, cls: str) -> list[str]:
        """The classes in which a method is looked for: the one that replaces it, itself, its bases."""
        found: list[str] = []
        pending = [cls]
        while pending:
            name = pending.pop(0)
            if name in found:
                continue
            if f"{PREFIX}{name}" in self.module.defined:
                found.append(f"{PREFIX}{name}")
            found.append(name)
            own = self.file.classes.get(name)
            pending = [*(spelled(base).rsplit(".", 1)[-1] for base in own.node.bases), *pending] if own else pending
        return found
