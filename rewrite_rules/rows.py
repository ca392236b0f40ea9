"""What treats each row of a tensor by itself, and what may look at other rows.

Rules compute for all choices of all tokens at once what upstream computes for the rows of one expert, or leave rows in
another order than upstream's. Both are the same only where every row is computed from the same row of others. This
knows the expressions for which that is so; any other is not understood.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.names import names_in
from qeff_codegen.codemod.tree import statements_of, walk
from qeff_codegen.engine.rule import Unmatched
from qeff_codegen.patterns.match import find_in, match
from rewrite_rules.vocabulary import pattern

ACTIVATION = pattern("$ACTIVATION")
# A setting that is no name of an activation is one itself.
MADE = pattern("{ACT2FN[$_], config.hidden_act, $ACTIVATION, nn.Identity(), nn.SiLU(), nn.GELU(...)}")
# Functions and methods that compute element by element, or the last axis with a weight.
FUNCTION = pattern("{$ACTIVATION, $LINEAR, torch.matmul, torch.sigmoid, torch.where, torch.zeros_like}")
METHODS = {"to", "float", "type_as", "clamp", "clip", "matmul"}
# Numbers that a type says.
LIMIT = pattern("{torch.finfo($_).min, torch.finfo($_).max}")
# Columns taken apart, not rows.
SPLIT = pattern("{$rows.chunk($sizes, dim=-1), $rows.split($sizes, dim=-1)}")
HALVES = pattern("{$rows.chunk(2, dim=-1), torch.chunk($rows, 2, dim=-1)}")
AS_ROWS = pattern("$states.view(-1, $columns)")
WIDTH = pattern("$rows.size(1)")
WEIGHT = pattern("$weights[:, None]")

# What generated code calls the expert of every row, where upstream has each expert's number of rows.
EXPERT = "expert"
ORDER = "# Rows stand in the order of tokens, a token's choices side by side."


def activations_of(cls: ModelingClass) -> frozenset[str]:
    """Attributes that only ever hold an activation function."""
    return frozenset(name for name, made in cls.assigned.items() if all(match(MADE, value) for value in made))


def attributes_holding(role: Role, cls: ModelingClass, anatomy: Anatomy) -> frozenset[str]:
    """Attributes of a class that hold parts of `role`, and nothing else."""
    names = {part.name for part in anatomy.parts(role)}
    return frozenset(attribute for attribute, built in cls.built.items() if built and set(built) <= names)


def is_of_self(value: ast.AST) -> bool:
    """`self.<attribute>`, or an attribute of that."""
    return isinstance(value, ast.Attribute) and (self_attribute(value) is not None or is_of_self(value.value))


class EachRow:
    """Whether lines compute each row by itself, however many axes stand in front of the last one.

    So they never look at an axis by its number, but for the last one.

    Args:
        cls: the class whose lines they are.
        modules: attributes of the class that hold a module which itself computes each row by itself.
        indices: names that number experts, choices or tokens; who calls knows what is indexed by them, and what is
            viewed as rows.
    """

    def __init__(
        self, cls: ModelingClass, modules: frozenset[str] = frozenset(), indices: frozenset[str] = frozenset()
    ) -> None:
        self.cls = cls
        self.modules = modules | activations_of(cls)
        self.indices = indices

    def is_line(self, statement: ast.stmt) -> bool:
        """`<names> = <rows>` or `return <rows>`."""
        if isinstance(statement, ast.Return) and statement.value is not None:
            return self.is_row(statement.value)
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return False
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        return all(isinstance(name, ast.Name) for name in names) and self.is_row(statement.value)

    def is_row(self, value: ast.expr) -> bool:
        """Whether an expression computes each row by itself."""
        match value:
            case ast.Name() | ast.Constant():
                return True
            case ast.Attribute():
                return value.attr == "dtype" or is_of_self(value) or match(LIMIT, value) is not None
            case ast.Subscript():
                return self.is_row(value.value) and (_is_last_axis(value.slice) or self._is_index(value.slice))
            case ast.Call():
                return self._is_call(value)
            case ast.Tuple() | ast.BinOp() | ast.UnaryOp() | ast.Compare():
                parts = (node for node in ast.iter_child_nodes(value) if isinstance(node, ast.expr))
                return all(self.is_row(part) for part in parts)
        return False

    def keeps_rows(self, attribute: str) -> bool:
        """Whether `self.<attribute>(...)` does: an activation, a module known to, or a method of such lines."""
        return attribute in self.modules or self._is_method(attribute)

    def _is_call(self, call: ast.Call) -> bool:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        attribute = self_attribute(call.func)
        if not all(self.is_row(item) for item in given):
            return False
        if attribute is not None or match(FUNCTION, call.func) is not None:
            return attribute is None or self.keeps_rows(attribute)
        if not isinstance(call.func, ast.Attribute) or not self.is_row(call.func.value):
            return False
        if call.func.attr == "view" and self.indices:
            as_rows = match(AS_ROWS, call)
            return is_of_self(call.func.value) or (as_rows is not None and isinstance(as_rows["states"], ast.Name))
        return call.func.attr in METHODS or match(SPLIT, call) is not None

    def _is_method(self, name: str) -> bool:
        """Whether a method of the class consists of such lines."""
        method = self.cls.methods.get(name)
        if method is None or method.decorator_list:
            return False
        inside = EachRow(self.cls, self.modules)
        return all(inside.is_line(item) for item in statements_of(method))

    def _is_index(self, index: ast.expr) -> bool:
        return not self.indices.isdisjoint(names_in(index))


def _is_last_axis(index: ast.expr) -> bool:
    """`..., a:b`: an index on the last axis that keeps it."""
    return (
        isinstance(index, ast.Tuple)
        and len(index.elts) == 2
        and isinstance(index.elts[0], ast.Constant)
        and index.elts[0].value is ...
        and isinstance(index.elts[1], ast.Slice)
    )


@dataclass
class GatheredRows:
    """The rows that a dispatcher gathers, one for each choice of each token, followed until they are added up.

    They may stand in any order as long as everything that happens to them happens to each by itself.

    Attributes:
        choice: the name that holds each row's place among the choices of all tokens.
        token: the name that holds each row's token.
        weights: the name that holds each row's routing weight.
        sizes: the name that tells the projections which rows belong to which expert.
        projections: attributes of `self` that are expert projections.
        activations: attributes of `self` that are activation functions.
        rows: names of tensors with one row for each choice; of tuples of such tensors, if in `pieces`.
    """

    choice: str
    token: str
    weights: str
    sizes: str
    projections: frozenset[str]
    activations: frozenset[str]
    rows: set[str] = field(default_factory=set)
    pieces: set[str] = field(default_factory=set)

    def touches(self, node: ast.AST) -> bool:
        """Whether a statement or expression has to do with what is ordered by row, the width of rows aside."""
        watched = {self.choice, self.token, self.weights, self.sizes, *self.rows, *self.pieces}
        widths = {id(found["rows"]) for found in find_in(WIDTH, node)}
        return any(isinstance(item, ast.Name) and item.id in watched and id(item) not in widths for item in walk(node))

    def follow(self, statement: ast.stmt) -> None:
        """Take note of a statement that computes rows from rows.

        Raises:
            Unmatched: it is none of those that treat each row by itself.
        """
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
            halves = match(HALVES, value)
            if halves is not None and self.is_row(halves["rows"]) and isinstance(target, ast.Name | ast.Tuple):
                (self.pieces if isinstance(target, ast.Name) else self.rows).update(names_in(target))
                return
            if isinstance(target, ast.Name) and self.is_row(value):
                self.rows.add(target.id)
                return
        raise Unmatched("this may depend on the order of an expert's rows", statement)

    def is_row(self, value: ast.expr) -> bool:
        """Whether an expression is a tensor of rows, each computed from the same row of others."""
        match value:
            case ast.Name():
                return value.id in self.rows
            case ast.BinOp(op=ast.Mult()):
                return self.is_row(value.left) and (self.is_row(value.right) or self._is_weight(value.right))
            case ast.Subscript(value=ast.Name() as taken, slice=ast.Name() as index):
                return index.id in (self.choice, self.token) and not self.touches(taken)
            case ast.Subscript(value=ast.Name() as taken, slice=ast.Constant(value=0 | 1)):
                return taken.id in self.pieces
            case ast.Call(args=[rows, ast.Name() as sizes], keywords=[]):
                return self_attribute(value.func) in self.projections and self.is_row(rows) and sizes.id == self.sizes
            case ast.Call(args=[rows], keywords=[]):
                known = self_attribute(value.func) in self.activations or match(ACTIVATION, value.func) is not None
                return known and self.is_row(rows)
        return False

    def _is_weight(self, value: ast.expr) -> bool:
        found = match(WEIGHT, value)
        return found is not None and found.name("weights") == self.weights != ""
