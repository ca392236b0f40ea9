"""Look rows of a position table up by indexing it, instead of gathering from a copy for every sequence.

A pad's position is -1, which `torch.gather` refuses and an index takes for the last row; a pad's result is never used.
The table is then read as it is, not repeated for the batch. One that upstream keeps as a plain attribute becomes a
buffer when the classes are exchanged: a tensor of the model, and no constant of the graph.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, drop_assignments
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from rewrite_rules.vocabulary import POSITIONS, pattern

COPIES = pattern(f"return $rows.repeat({POSITIONS}.shape[0], 1, 1)")
INDEX = pattern(f"$index = {POSITIONS}.unsqueeze(-1).repeat(1, 1, $table.shape[-1])")
GATHERED = pattern("torch.gather($table, 1, $index)")
AS_BUFFER = """def __qeff_init__(self):
    table = self.{name}
    del self.{name}
    self.register_buffer("{name}", table, persistent=False)
"""


class TableRowsByPosition(Rule):
    why = "A pad's position is -1: indexing the table accepts it, gathering does not, and nothing is copied."
    roles = (Role.ATTENTION,)
    construct = f"`{GATHERED}`, where a method makes the table: `{COPIES}`"

    def apply(self, draft: Draft) -> None:
        self.kept: dict[str, str] = {}
        super().apply(draft)
        for owner, name in self.kept.items():
            draft.add_method(owner, AS_BUFFER.format(name=name), self.id)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        methods = _copying_methods(anatomy.file.classes[function.owner or ""])
        if methods and function.is_forward:
            return _gather_rows(function.code, methods)
        if function.name not in methods:
            return function.code, 0
        self._note_kept(function, anatomy)
        return _return_table(function.code)

    def _note_kept(self, function: Function, anatomy: Anatomy) -> None:
        """Note a table that upstream keeps as a plain attribute: what a file's function made in `__init__`."""
        cls = anatomy.file.classes[function.owner or ""]
        made = cls.methods.get("__init__")
        buffers = {item.name for item in buffers_of(made)} if made is not None else set()
        for name, value in filter(None, map(assigned, function.code.nodes(ast.Assign))):
            table = self_attribute(value)
            values = cls.assigned.get(table or "", ())
            by_function = bool(values) and all(
                isinstance(item, ast.Call) and spelled(item.func) in anatomy.file.functions for item in values
            )
            if table is not None and table not in buffers and by_function and name in function.code.names_loaded:
                self.kept[cls.name] = table


def _copying_methods(cls: ModelingClass) -> set[str]:
    """Methods that only return a table, copied for every sequence."""
    returned = {
        name: [match(COPIES, item) is not None for item in ast.walk(method) if isinstance(item, ast.Return)]
        for name, method in cls.methods.items()
    }
    return {name for name, are_copies in returned.items() if are_copies == [True]}


def _return_table(code: Code) -> tuple[Code, int]:
    edits = Edits(code)
    for found in find_all(COPIES, code):
        table = found["rows"]
        while isinstance(table, ast.Attribute):
            table = table.value
        if not isinstance(table, ast.Name):
            raise Unmatched("what is copied for every sequence is not a table as it is kept", found.node)
        assert isinstance(found.node, ast.Return) and found.node.value is not None
        edits.replace(found.node.value, code.segment(found["rows"]))
    return edits.done(), 1


def _gather_rows(code: Code, methods: set[str]) -> tuple[Code, int]:
    tables = {
        _name(found, "table")
        for method in methods
        for found in find_all(pattern(f"$table = self.{method}({POSITIONS})"), code)
    }
    indices = {_name(found, "index"): _name(found, "table") for found in find_all(INDEX, code)}
    edits = Edits(code)
    count = 0
    for found in find_all(GATHERED, code):
        table = _name(found, "table")
        if table in tables and indices.get(_name(found, "index")) == table and isinstance(found.node, ast.Call):
            edits.replace(found.node, f"{table}[{POSITIONS}]")
            count += 1
    changed = edits.done()
    edits = Edits(changed)
    drop_assignments(edits, indices.keys() - changed.names_loaded)
    changed = edits.done()
    uses = [node for node in changed.nodes(ast.Name) if node.id in tables]
    read = sum(isinstance(node.ctx, ast.Load) for node in uses)
    # Each table is bound once, and read where its rows are looked up and nowhere else.
    if indices.keys() & changed.names or not count == read == len(tables) == len(uses) - read:
        raise Unmatched("the copies of the position table are used in another way", code.tree)
    return changed, count


def _name(found: Match, placeholder: str) -> str:
    """The local that a placeholder stands for; empty for any other expression."""
    node = found[placeholder]
    return node.id if isinstance(node, ast.Name) else ""
