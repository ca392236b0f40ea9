"""Recognise a rotation that keeps cos and sin as tables, and gives as many rows of them as it is asked for.

Releases before 4.38 compute both tables in `__init__`, for every position, and let attention index them. Asked for
more rows than there are, the module makes longer tables, which must have the same rows as far as the old ones went.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.codemod.tree import find, parents, spelled, walk
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

EXAMPLE = "x"
# How many rows the tables have so far.
LONGEST = "max_seq_len_cached"
# By which name a class is told for how many positions its tables are.
ROWS_OF_CLASS = "max_position_embeddings"
# The rows that are given, of a table with an axis for positions and one for features, or with two more in front.
ROWS = Pattern("{$table[:$rows], $table[:$rows, ...]}")
ROWS_OF_FOUR = Pattern("{$table[:, :, :$rows], $table[:, :, :$rows, ...]}")
CAST = Pattern("$given.to(...)")
# What a method may do with the number of rows that it is to make.
COUNTED = Pattern(
    "{torch.arange($rows, ...), torch.arange(self.max_seq_len_cached, ...), max($rows, self.max_position_embeddings)}"
)
# Forward makes longer tables beyond as many rows as there are positions, and the first ones again when they do.
GROWS_AND_RESETS = Pattern("""
if $rows <= self.max_position_embeddings:
    if self.max_seq_len_cached > self.max_position_embeddings:
        $...reset
else:
    $...grown
""")
IS_LONGER = Pattern("{$rows > self.max_position_embeddings, $rows > self.max_seq_len_cached}")


@dataclass(frozen=True)
class KeptTables:
    """What a rotation keeps.

    Attributes:
        cos: the attribute that holds the table of cosines.
        sin: that of sines.
        four_axes: whether they have two axes of size one in front.
    """

    cos: str
    sin: str
    four_axes: bool


def kept_tables(file: ModelingFile, cls: ModelingClass) -> KeptTables | None:
    """What a class keeps, if its forward gives rows of two tables from the first on, and does no more."""
    forward = inherited(file, cls, "forward")
    names = parameters(forward) if forward is not None else ()
    if forward is None or len(names) != 2 or forward.decorator_list:
        return None
    statements = [item for item in forward.body if not isinstance(item, ast.Expr)]
    grows, returned = statements[:-1], statements[-1]
    if not isinstance(returned, ast.Return) or not isinstance(returned.value, ast.Tuple):
        return None
    given = [_rows_given(item, names[1]) for item in returned.value.elts]
    tables = {item.name for owner in _with_bases(file, cls) for item in buffers_of(owner.node)}
    known = [item for item in given if item is not None and item[0] in tables]
    if len(known) != 2 or len(given) != 2 or known[0][1] is not known[1][1]:
        return None
    if len(grows) > 1 or not all(_only_grows(item, names[1]) for item in grows):
        return None
    return KeptTables(known[0][0], known[1][0], known[0][1])


def rows_depend_on_length(file: ModelingFile, cls: ModelingClass) -> ast.AST | None:
    """Where a class makes other rows for another number of them; None where it only makes more."""
    for owner in _with_bases(file, cls):
        for name, method in owner.methods.items():
            if name == "forward" or not any(item.name for item in buffers_of(method)):
                continue
            lengths = {item for item in parameters(method) if item in ("seq_len", "length", LONGEST)}
            around = parents(method)
            for node in find(ast.Name, method):
                if node.id in lengths and isinstance(node.ctx, ast.Load) and not _only_counts(node, around):
                    return around[node]
    return None


def rows_for_positions(file: ModelingFile, cls: ModelingClass) -> bool:
    """Whether `__init__` makes a row for each position, and whoever builds the class says how many there are."""
    counted = any(
        any(isinstance(node, ast.Name) and node.id == ROWS_OF_CLASS for node in walk(item))
        for owner in _with_bases(file, cls)
        for item in (*find(ast.Call, owner.methods.get("__init__")), *find(ast.Assign, owner.methods.get("__init__")))
    )
    made = inherited(file, cls, "__init__")
    listed = parameters(made) if made is not None else ()
    builders = [
        (owner, call)
        for owner in file.classes.values()
        for method in owner.methods.values()
        for call in find(ast.Call, method)
        if spelled(call.func) == cls.name
    ]
    return counted and bool(builders) and all(_says_positions(owner, call, listed) for owner, call in builders)


def _says_positions(owner: ModelingClass, call: ast.Call, listed: tuple[str, ...]) -> bool:
    """Whether a call hands the configuration's number of positions on."""
    given = dict(zip(listed, call.args, strict=False)) | {item.arg: item.value for item in call.keywords if item.arg}
    value = given.get(ROWS_OF_CLASS)
    values = owner.assigned.get(self_attribute(value) or "", ()) if value is not None else ()
    known = [spelled(item) for item in (values or [value]) if item is not None]
    return bool(known) and all(item.removeprefix("self.") == f"config.{ROWS_OF_CLASS}" for item in known)


def inherited(file: ModelingFile, cls: ModelingClass, name: str) -> ast.FunctionDef | None:
    """A method of a class, or of the first of its bases in the file that has it."""
    return next((owner.methods[name] for owner in _with_bases(file, cls) if name in owner.methods), None)


def _with_bases(file: ModelingFile, cls: ModelingClass) -> Iterator[ModelingClass]:
    yield cls
    for base in cls.bases:
        if base in file.classes and base != cls.name:
            yield from _with_bases(file, file.classes[base])


def _rows_given(value: ast.expr, rows: str) -> tuple[str, bool] | None:
    """The table whose first rows an expression gives, in whatever type, and whether it has four axes."""
    while (cast := match(CAST, value)) is not None:
        value = cast["given"]
    for form, four in ((ROWS, False), (ROWS_OF_FOUR, True)):
        found = match(form, value)
        if found is not None and found.spelled("rows") == rows and (table := self_attribute(found["table"])):
            return table, four
    return None


def _only_grows(statement: ast.stmt, rows: str) -> bool:
    """Whether a statement makes longer tables where more rows are asked for than there are."""
    if (found := match(GROWS_AND_RESETS, statement)) is not None:
        return found.spelled("rows") == rows
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    asked = {node.id for node in find(ast.Name, statement.test)} - {"self"}
    attributes = {node.attr for node in find(ast.Attribute, statement.test)}
    return asked == {rows} and attributes <= {LONGEST}


def _only_counts(name: ast.Name, around: dict[ast.AST, ast.AST]) -> bool:
    """Whether a number of rows is only kept, counted up to, or asked whether it is more than there were."""
    holder = around[name]
    if isinstance(holder, ast.Assign):
        return [self_attribute(target) for target in holder.targets] == [LONGEST]
    if isinstance(holder, ast.Compare):
        return match(IS_LONGER, holder) is not None
    return any(match(COUNTED, node) is not None for node in (holder, *walk(holder)) if isinstance(node, ast.Call)) or (
        _is_inside_longer(holder, around)
    )


def _is_inside_longer(node: ast.AST, around: dict[ast.AST, ast.AST]) -> bool:
    """Whether something is computed only where more rows are asked for than the model has positions."""
    while node in around:
        before, node = node, around[node]
        if isinstance(node, ast.If) and match(IS_LONGER, node.test) is not None and before in node.body:
            return True
    return False
