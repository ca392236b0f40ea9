"""The model under rewriting: the functions of upstream's file that rules may change."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.layout import kept_lines
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.bound_once import refuse_other_bindings
from qeff_codegen.engine.layout_followed import refuse_other_layout
from qeff_codegen.engine.provenance import Line, Removal, follow, origin, upstream_lines
from qeff_codegen.errors import Location
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.target import Target


@dataclass
class Function:
    """A method or module-level function under rewriting.

    Attributes:
        owner: the upstream class it is a method of, or None.
        role: the role of its class, or of the function itself.
        code: its source as it stands now.
        added: a rule wrote it; upstream has no such function.
    """

    name: str
    owner: str | None
    role: Role
    code: Code
    lines: list[Line]
    removals: list[Removal] = field(default_factory=list)
    added: bool = False

    @property
    def qualified_name(self) -> str:
        """`Class.method`, or the function's name."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def changed(self) -> bool:
        """Whether any line differs from upstream's."""
        return bool(self.rules)

    @property
    def rules(self) -> set[str]:
        """The rules, and steps of emission, that changed it."""
        by_lines = {rule for line in self.lines for rule in line.rules}
        return by_lines | {rule for removal in self.removals for rule in removal.rules}

    @property
    def is_forward(self) -> bool:
        """Whether it is the forward of a class with a role."""
        return self.owner is not None and self.name == "forward"

    def replace(self, code: Code, rule: str) -> None:
        """Take over what `rule` made of the function, and remember which lines it changed."""
        if code.text == self.code.text:
            return
        self.lines, self.removals = follow(self.lines, self.removals, code.text, rule)
        self.code = code


@dataclass
class Draft:
    """Everything rules work on.

    Attributes:
        functions: methods of the role classes and the module functions they reach, in upstream's order.
        mappings: entries for the mapping file, as rules decide them.
        matches: for every rule that ran, how many places it matched.
        looked_at: the rules that looked into a function, whether they matched there or not.
        target: where the generated code goes.
    """

    anatomy: Anatomy
    functions: list[Function]
    mappings: list[MappingEntry] = field(default_factory=list)
    matches: dict[str, int] = field(default_factory=dict)
    looked_at: set[str] = field(default_factory=set)
    target: Target = EMBEDDED

    def of(self, *roles: Role) -> Iterator[Function]:
        """The functions of the given roles."""
        return (function for function in self.functions if function.role in roles)

    def add_method(self, owner: str, source: str, rule: str) -> None:
        """Give the class that replaces `owner` a new method, after those it already has."""
        code = Code(source, self.anatomy.file.aliases)
        part = self.anatomy.part(owner)
        assert part is not None
        function = Function(code.tree.name, owner, part.role, code, [], added=True)
        function.lines = [Line(text, rules=(rule,), function=function.qualified_name) for text in source.splitlines()]
        # Whichever rule comes first, added methods stand in the order of their names.
        before = [
            index
            for index, item in enumerate(self.functions)
            if item.owner == owner and not (item.added and item.name > function.name)
        ]
        self.functions.insert(before[-1] + 1 if before else len(self.functions), function)

    def leave_uncalled(self, owner: str) -> None:
        """Stop following the methods of a class that nothing of it calls any more: they stay upstream's."""
        part = self.anatomy.part(owner)
        own = {item.name: item for item in self.functions if item.owner == owner}
        pending = [name for name in ("forward", *(part.entries if part else ())) if name in own]
        pending += [name for name, item in own.items() if item.added]
        called: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in called:
                called.add(name)
                pending += own.keys() & own[name].code.identifiers
        self.functions = [item for item in self.functions if item.owner != owner or item.name in called]

    def location(self, function: Function, node: ast.AST | None = None) -> Location:
        """Where `node` of a function stands upstream, for messages; the function's own line if that is unknown."""
        index = None if node is None else _index_of(function, node)
        line = None if index is None else origin(function.lines, index, self.anatomy.file.lines)
        return self.anatomy.file.location(line or definition_line(self.anatomy, function))


def definition_line(anatomy: Anatomy, function: Function) -> int:
    """The 1-based upstream line of a function's `def`, or of its class when a rule added it."""
    file = anatomy.file
    if function.owner is None:
        return file.functions[function.name].lineno
    cls = file.classes[function.owner]
    method = cls.methods.get(function.name)
    return cls.node.lineno if method is None else method.lineno


def _index_of(function: Function, node: ast.AST) -> int | None:
    """The index of the line that `node` begins on; None for a function, or for a node of an earlier version of it."""
    return node.lineno - 1 if isinstance(node, ast.expr | ast.stmt) and function.code.has(node) else None


def open_draft(anatomy: Anatomy, target: Target = EMBEDDED) -> Draft:
    """Take from upstream's file the functions that rules may look at.

    These are the methods of the role classes on the call path (without `__init__`, which never runs: QEff classes
    take over existing modules) and the module-level functions they reach.

    Raises:
        Refusal: one of them is laid out in a way that edits could not follow, or is not all that its name stands for.
    """
    file = anatomy.file
    found: list[tuple[ast.FunctionDef, str | None, Role]] = []
    for name in _functions_reached(anatomy):
        role = Role.ATTENTION_FUNCTION if name in anatomy.attention_functions else Role.HELPER_FUNCTION
        found.append((file.functions[name], None, role))
    for part in anatomy.replaced:
        used = () if part.role is Role.ROTARY_EMBEDDING else _methods_reached(part.cls.methods, part.entries)
        found += [(part.cls.methods[name], part.name, part.role) for name in used]
    for definition, _, _ in found:
        refuse_other_layout(file, definition)
    refuse_other_bindings(anatomy, [(definition, owner) for definition, owner, _ in found])
    functions = [_open(file, *item) for item in sorted(found, key=lambda item: item[0].lineno)]
    return Draft(anatomy, functions, target=target)


def _methods_reached(methods: dict[str, ast.FunctionDef], entries: tuple[str, ...]) -> set[str]:
    """`forward`, other methods called from outside, and the methods these call on `self`, directly or not."""
    pending, reached = ["forward", *entries], set()
    while pending:
        name = pending.pop()
        if name in reached or name not in methods:
            continue
        reached.add(name)
        attributes = (self_attribute(node) for node in find(ast.Attribute, methods[name]))
        pending += [attribute for attribute in attributes if attribute is not None]
    return reached


def _functions_reached(anatomy: Anatomy) -> set[str]:
    """Module-level functions that the role classes name, and those that these name in turn."""
    functions = anatomy.file.functions
    pending: list[ast.AST] = [part.cls.node for part in anatomy.replaced]
    reached: set[str] = set()
    while pending:
        for node in find(ast.Name, pending.pop()):
            if node.id in functions and node.id not in reached:
                reached.add(node.id)
                pending.append(functions[node.id])
    return reached


def _open(file: ModelingFile, definition: ast.FunctionDef, owner: str | None, role: Role) -> Function:
    """Start following a function; blank lines above it belong to the file, comments to the function."""
    first = min([definition.lineno, *(decorator.lineno for decorator in definition.decorator_list)])
    indent = " " * definition.col_offset
    numbers = list(range(first, (definition.end_lineno or first) + 1))
    number = first - 1
    while number > 0 and (not file.lines[number - 1].strip() or file.lines[number - 1].startswith(f"{indent}#")):
        if file.lines[number - 1].strip():
            numbers.insert(0, number)
        number -= 1
    kept = set(kept_lines(definition))
    lines = [file.lines[number - 1] for number in numbers]
    lines = [
        line if number in kept else line.removeprefix(indent) for number, line in zip(numbers, lines, strict=True)
    ]
    name = definition.name
    qualified_name = f"{owner}.{name}" if owner else name
    code = Code("\n".join(lines) + "\n", file.aliases)
    return Function(name, owner, role, code, upstream_lines(code.text, numbers, qualified_name))
