"""One modeling file read with `ast`: its classes, functions, imports, and what each `__init__` builds.

Recognition and rules read the same kind of tree, the standard library's, which knows the place of every node.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from qeff_codegen.anatomy.implementation_tables import (
    ImplementationTable,
    chosen_by_flash,
    find_implementation_tables,
    looked_up_by_configuration,
)
from qeff_codegen.anatomy.kind_tables import chosen_by_kind, find_kind_tables, handed_in, returned_by
from qeff_codegen.anatomy.module_names import Binding, bindings, bound_later, surely_bound
from qeff_codegen.anatomy.outside import built_after_init, set_after_init, set_from_outside
from qeff_codegen.codemod.bindings import imported_as
from qeff_codegen.codemod.code import USUAL_ALIASES
from qeff_codegen.codemod.tree import find, parse, spelled, walk
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.upstream.relative_imports import spelled_module
from qeff_codegen.upstream.source import UpstreamModel

# The parameter by which a module is told that it attends to an encoder's states.
FOR_CROSS_ATTENTION = "is_cross_attention"


@dataclass(frozen=True)
class ModelingClass:
    """A class of the file.

    Attributes:
        methods: its own methods by name.
        built: for every `self.<attribute> = ...` of `__init__`, and of methods that it calls without arguments, the
            classes of this file built in that expression.
        assigned: the expressions assigned to every `self.<attribute>` in `__init__`, and what the file sets it to
            elsewhere.
        alternatives: for a class built from a table of implementations, the table's other classes.
    """

    name: str
    node: ast.ClassDef
    methods: dict[str, ast.FunctionDef]
    built: dict[str, tuple[str, ...]]
    assigned: dict[str, tuple[ast.expr, ...]]
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def forward(self) -> ast.FunctionDef | None:
        """The class's own `forward`, if it defines one."""
        return self.methods.get("forward")

    def made_by(self, constructor: str) -> frozenset[str]:
        """Every attribute that only ever holds an `nn.<constructor>`."""
        makers = (f"nn.{constructor}", f"torch.nn.{constructor}")
        return frozenset(
            attribute
            for attribute, values in self.assigned.items()
            if all(isinstance(value, ast.Call) and spelled(value.func) in makers for value in values)
        )

    @property
    def bases(self) -> tuple[str, ...]:
        """Base classes as source text."""
        return tuple(map(spelled, self.node.bases))


@dataclass(frozen=True)
class ModelingFile:
    """A parsed modeling file.

    Attributes:
        imports: every name imported at module level, with the absolute module and the name there
            (`None` when the module itself is imported); of a module beside the file, which nothing else can import,
            its name with a dot before it.
        names: every other name bound at module level.
        future: what the file imports from `__future__`.
        bindings: for every name bound at module level, the statements that bind it.
        tables: of those names, the classes of the file that are named where they are bound.
        set_from_outside: every attribute that the file sets on another object than `self`.
    """

    upstream: UpstreamModel
    tree: ast.Module = field(repr=False)
    classes: dict[str, ModelingClass]
    functions: dict[str, ast.FunctionDef]
    imports: dict[str, tuple[str, str | None]]
    names: frozenset[str]
    future: frozenset[str]
    bindings: dict[str, tuple[Binding, ...]]
    tables: dict[str, tuple[str, ...]]
    set_from_outside: frozenset[str]
    lines: tuple[str, ...] = field(repr=False)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What the file's imports call modules and what they bring in, with full names.

        A name that the file defines itself stands for nothing else, however usual that would be.
        """
        return {name: name for name in USUAL_ALIASES if name in self.names} | {
            name: (module if name != module.split(".")[0] else name) if member is None else f"{module}.{member}"
            for name, (module, member) in self.imports.items()
        }

    def can_be_imported(self, name: str) -> bool:
        """Whether a name of `names` is there once the module has run, whatever its conditions were, and stays."""
        bound = self.bindings.get(name, ())
        if not bound or any(isinstance(item.node, ast.Global) for item in bound):
            return False
        return (bound[-1].always and not bound[-1].deletes) or surely_bound(name, self.tree.body)

    def location(self, line: int) -> Location:
        """The place of a 1-based line, with its text as excerpt."""
        excerpt = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Location(self.upstream.display_path, line, excerpt)


def read_modeling_file(upstream: UpstreamModel) -> ModelingFile:
    """Parse upstream's text.

    Raises:
        Refusal: the text is not Python of this interpreter's grammar.
    """
    try:
        tree = parse(upstream.source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        text = (getattr(error, "text", None) or "").rstrip()
        raise Refusal(
            f"the upstream file is not valid Python: {getattr(error, 'msg', error)}",
            rule="parse",
            location=Location(upstream.display_path, line, text),
            next_step="check that the path names a modeling_*.py file for Python 3",
        ) from None
    class_names = {node.name for node in _top_level(tree) if isinstance(node, ast.ClassDef)}
    tables = find_implementation_tables(tree, class_names)
    outside = set_from_outside(tree)
    kinds = find_kind_tables(tree, class_names)
    classes: dict[str, ModelingClass] = {}
    functions: dict[str, ast.FunctionDef] = {}
    imports: dict[str, tuple[str, str | None]] = {}
    bound = bindings(tree.body)
    if "global" in upstream.source:
        later = bound_later(tree)
        bound |= {name: (*bound.get(name, ()), *items) for name, items in later.items()}
    named: dict[str, tuple[str, ...]] = {}
    for node in _top_level(tree):
        if isinstance(node, ast.ClassDef):
            classes[node.name] = _read_class(node, class_names, tables, kinds, outside)
        elif isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            brought = imports_of(node, upstream)
            imports |= {name: item for name, item in brought.items() if not _is_part_of(item, name, imports)}
        else:
            found = find(ast.Name, node)
            stored = [child.id for child in found if isinstance(child.ctx, ast.Store)]
            held = tuple(child.id for child in found if child.id in class_names)
            named.update({name: held for name in stored if held})
    future = {name for name, (module, _) in imports.items() if module == "__future__"}
    bound |= {name: items for name in imports if len(items := _without_wrapping(name, bound[name])) < len(bound[name])}
    bound |= {name: _without_parts(bound[name]) for name, item in imports.items() if item == (name, None)}
    imports = {name: item for name, item in imports.items() if name not in future and _is_import(bound[name][-1])}
    names = frozenset(bound) - imports.keys() - future
    lines = tuple(upstream.source.splitlines())
    return ModelingFile(
        upstream,
        tree,
        classes,
        functions,
        imports,
        names,
        frozenset(future),
        bound,
        named,
        frozenset(outside),
        lines,
    )


def _without_wrapping(name: str, items: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """The bindings of a name without `x = torch.fx.wrap(x)`, which gives the same function to all but a tracer."""
    wrapped = f"{name} = torch.fx.wrap({name})"
    return tuple(item for item in items if isinstance(item.node, ast.FunctionDef) or spelled(item.node) != wrapped)


def _is_part_of(item: tuple[str, str | None], name: str, imports: dict[str, tuple[str, str | None]]) -> bool:
    """Whether an import brings in a part of a package that is imported already, as `import torch.fx` does."""
    return item[1] is None and item[0].startswith(f"{name}.") and imports.get(name) == (name, None)


def _without_parts(items: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """The bindings of a package without those that import a part of it, which bind the package again."""
    return tuple(
        item
        for item in items
        if not (isinstance(item.node, ast.Import) and all("." in alias.name for alias in item.node.names))
    )


def _is_import(binding: Binding) -> bool:
    """Whether what a name means in the end is an import that always runs."""
    return binding.always and binding.is_import


def imports_of(node: ast.Import | ast.ImportFrom, upstream: UpstreamModel) -> dict[str, tuple[str, str | None]]:
    """The names that an import of a file binds, with the absolute module and the name there, as in `imports`."""
    if isinstance(node, ast.Import):
        return {imported_as(alias, node): (alias.name, None) for alias in node.names}
    source = dict(upstream.imports).get(spelled_module(node)) or _absolute_module(node, upstream.module)
    return {imported_as(alias, node): (source, alias.name) for alias in node.names}


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements at module level, looking into the `if is_torch_available():` and `try:` blocks that guard imports."""
    pending = list(tree.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, (ast.If, ast.Try)):
            pending = list(node.body) + list(node.orelse) + pending
        else:
            yield node


def _absolute_module(node: ast.ImportFrom, module: str) -> str:
    """`from ...cache_utils import X` in `transformers.models.x.modeling_x` -> `transformers.cache_utils`."""
    if not node.level:
        return node.module or ""
    package = module.split(".")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def _read_class(
    node: ast.ClassDef,
    class_names: set[str],
    tables: dict[str, ImplementationTable],
    kinds: dict[str, tuple[str, ...]],
    outside: dict[str, list[ast.expr]],
) -> ModelingClass:
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    built: dict[str, tuple[str, ...]] = {}
    assigned: dict[str, tuple[ast.expr, ...]] = {}
    alternatives: dict[str, tuple[str, ...]] = {}
    initializer = methods.get("__init__")
    chosen = _chosen_classes(initializer, class_names) if initializer else {}
    chosen |= chosen_by_kind(initializer, class_names, kinds) if initializer else {}
    handed = handed_in(initializer, class_names) if initializer else {}
    for statement in walk(initializer) if initializer else ():
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            attribute = self_attribute(target)
            if attribute is None:
                continue
            assigned[attribute] = (*assigned.get(attribute, ()), statement.value)
            names = [name.id for name in find(ast.Name, statement.value)]
            found_in = looked_up_by_configuration(statement.value, initializer) if initializer else []
            looked_up = [tables[name] for name in found_in if name in tables]
            by_flash = chosen_by_flash(statement.value, class_names)
            looked_up += [by_flash] if by_flash is not None else []
            alternatives.update({table.eager: table.others for table in looked_up})
            found = (
                *(name for name in names if name in class_names and by_flash is None),
                *(cls for name in names for cls in chosen.get(name, ())),
                *(handed.get(spelled(statement.value), ())),
                *returned_by(statement.value, methods, class_names, kinds),
                *(cls for name in names if name not in found_in for cls in kinds.get(name, ())),
                *(table.eager for table in looked_up),
            )
            built[attribute] = tuple(dict.fromkeys((*built.get(attribute, ()), *found)))
    for attribute, value in built_after_init(methods):
        held = [name.id for name in find(ast.Name, value) if name.id in class_names]
        if held:
            built[attribute] = tuple(dict.fromkeys((*built.get(attribute, ()), *held)))
            assigned.setdefault(attribute, (value,))
    for elsewhere in (set_after_init(methods), outside):
        for attribute in elsewhere.keys() & assigned.keys():
            assigned[attribute] = (*assigned[attribute], *elsewhere[attribute])
    return ModelingClass(node.name, node, methods, built, assigned, alternatives)


def _chosen_classes(initializer: ast.FunctionDef, class_names: set[str]) -> dict[str, tuple[str, ...]]:
    """Locals of an `__init__` that stand for classes of the file, `cls = A if <condition> else B`.

    A causal LM is exported without an encoder, so nothing in it is made for cross-attention.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    for node in find(ast.Assign, initializer):
        if not isinstance(node.targets[0], ast.Name):
            continue
        value: ast.expr = node.value
        if isinstance(value, ast.IfExp) and spelled(value.test) == FOR_CROSS_ATTENTION:
            value = value.orelse
        sides = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        names = [side.id for side in sides if isinstance(side, ast.Name) and side.id in class_names]
        if names:
            target = node.targets[0].id
            chosen[target] = tuple(dict.fromkeys((*chosen.get(target, ()), *names)))
    return chosen


def self_attribute(expression: ast.expr) -> str | None:
    """The `x` of an expression that is exactly `self.x`."""
    if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
        return expression.attr if expression.value.id == "self" else None
    return None


def parameters(function: ast.FunctionDef) -> tuple[str, ...]:
    """Names of a method's or function's parameters without `self`, `*args` and `**kwargs`, in order."""
    arguments = function.args
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return tuple(names[1:] if names[:1] == ["self"] else names)


def returned_names(function: ast.FunctionDef) -> tuple[str, ...]:
    """The names that a function returns as a tuple, if it returns the same in all places; else none."""
    values = [node.value for node in find(ast.Return, function)]
    tuples = [value.elts for value in values if isinstance(value, ast.Tuple)]
    names = {tuple(item.id for item in items if isinstance(item, ast.Name)) for items in tuples}
    only_names = all(isinstance(item, ast.Name) for items in tuples for item in items)
    return names.pop() if only_names and len(names) == 1 and len(tuples) == len(values) else ()


def bind(call: ast.Call, callee: ast.FunctionDef) -> dict[str, ast.expr]:
    """The expression each parameter of `callee` receives from `call`, as far as it is written out."""
    bound = dict(zip(parameters(callee), call.args, strict=False))
    bound.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None})
    return bound
