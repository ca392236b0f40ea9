"""Leave the choices of all tokens in the order of tokens, and gather each one's expert, instead of sorting by expert.

Upstream sorts the choices by expert, so that each expert's rows are one stretch whose length depends on values; a
graph cannot follow that. What happens to a row does not depend on where it stands, so the sort may be left out: a row
then knows its expert, and the projection gathers that expert's weight, `[rows, out, in]`. A token's rows stand side
by side, and adding them up is a sum over an axis.

Decoding one token reads the weights of its choices only.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._expert_rows import NotByRow, Rows
from rewrite_rules._matching import line_of, names_bound, names_read, statements_of, tree_of
from rewrite_rules._statements import Renamed, text_of, with_body

# Chosen experts to sorted choices: each line is one statement of the router, to its end.
SORTS = re.compile(
    r"(?P<zeros>\w+) = torch\.zeros\(\[(?P<top>\w+)\.size\(0\), self\.num_experts\], "
    r"dtype=(?P=top)\.dtype, device=(?P=top)\.device\)\n"
    r"(?P<gates>\w+) = (?P=zeros)\.scatter\(1, (?P<chosen>\w+), 1\)\n"
    r"(?P<sizes>\w+) = (?P=gates)\.long\(\)\.sum\(0\)\n"
    r"(?P=sizes) = (?P=sizes)\.tolist\(\)\n"
    r"(?P<experts>\w+) = (?P=chosen)\.flatten\(\)\n"
    r"_, (?P<choice>\w+) = (?P=experts)\.sort\(0\)\n"
    r"(?P<token>\w+) = (?P=choice)\.div\(self\.top_k, rounding_mode='trunc'\)\n"
    r"(?P=top) = (?P=top)\.flatten\(\)\n"
    r"(?P<weights>\w+) = (?P=top)\[(?P=choice)\]\n"
    r"return (?P=choice), (?P=token), (?P=weights), (?P=sizes), \w+"
)
SORTS_LENGTH, SIZES_LENGTH = 10, 4
STRETCHES = re.compile(
    r"(?P<stretches>\w+) = (?P<rows>\w+)\.split\((?P<sizes>\w+), dim=0\)\n"
    r"(?P<products>\w+) = \[\]\n"
    r"for (?P<i>\w+) in range\(self\.num_experts\):\n"
    r"    (?P=products)\.append\(F\.linear\((?P=stretches)\[(?P=i)\], self\.weight\[(?P=i)\]\)\)\n"
    r"(?P<result>\w+) = torch\.cat\((?P=products), dim=0\)\n"
    r"return (?P=result)"
)
TOKENS = re.compile(r"(?P<a>\w+), (?P<b>\w+), (?:(?P<k>\w+), )?(?P<last>\w+) = (?P<states>\w+)\.size\(\)")
ZEROS = re.compile(
    r"(?P<zeros>\w+) = torch\.zeros\(\((?P<rows>[\w .*]+), (?P<columns>self\.\w+)\), "
    r"dtype=(?P<like>\w+)\.dtype, device=(?P=like)\.device\)"
)
ADDS = re.compile(r"(?P<total>\w+) = (?P<zeros>\w+)\.index_add\(0, (?P<index>\w+), (?P<rows>\w+)\)")
# What takes the place of the experts' sizes: the expert of every row.
EXPERT = "expert"
ORDER = "# Rows stand in the order of tokens, a token's choices side by side."


class UnsortedExperts(Rule):
    why = "Where an expert's rows end depends on values; unsorted, each row gathers its own expert's weight."
    roles = (Role.EXPERT_ROUTER, Role.EXPERT_DISPATCHER, Role.EXPERT_PROJECTION)
    construct = (
        "a router that sorts choices by expert, projections that split rows by the experts' sizes, and between them "
        "only what treats each row by itself"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        node = function.node
        if not anatomy.parts(Role.EXPERT_ROUTER):
            return node, 0
        part = anatomy.part(function.owner or "")
        assert part is not None
        if function.role is Role.EXPERT_ROUTER:
            return (_router(node), 1) if function.is_forward else (node, 0)
        if function.role is Role.EXPERT_PROJECTION:
            return (_projection(node, part.cls), 1) if function.is_forward else (node, 0)
        if function.name not in part.entries:
            return node, 0
        if (reader := _other_reader(anatomy, part.name, part.entries)) is not None:
            raise Unmatched(f"`{reader}` reads the order of rows between calls", node.params)
        return _Dispatcher(node, part.cls, anatomy).function(), 1


def _texts(node: cst.FunctionDef) -> list[str]:
    """Every statement of a function's body as text."""
    return [text_of(item) for item in tree_of(node).body]


# -- router --------------------------------------------------------------------------------------------------------


def _router(node: cst.FunctionDef) -> cst.FunctionDef:
    texts, body = _texts(node), statements_of(node.body)
    found = SORTS.fullmatch("\n".join(texts[-SORTS_LENGTH:]))
    if found is None:
        raise Unmatched("the router sorts its choices in another way", body[-1])
    chosen = re.compile(rf"\w+, {found['chosen']} = \w+\.topk\(self\.top_k, dim=(1|-1)\)")
    bound = sum(found["chosen"] in names_bound(item) for item in body)
    if bound != 1 or sum(chosen.fullmatch(text) is not None for text in texts) != 1:
        raise Unmatched(f"`{found['chosen']}` is not what one `topk(self.top_k)` chose", body[-1])
    experts, choice = found["experts"], found["choice"]
    head, tail = body[:-SORTS_LENGTH], body[-SORTS_LENGTH:]
    flatten, sort, token, *rest, returned = tail[SIZES_LENGTH:]
    comment = [cst.EmptyLine(indent=False), cst.EmptyLine(comment=cst.Comment(ORDER))]
    numbered = line_of(f"{choice} = torch.arange({experts}.shape[0], device={experts}.device)")
    values = f"return {choice}, {found['token']}, {found['weights']}, {experts}, {texts[-1].rsplit(', ', 1)[1]}"
    return with_body(
        node,
        [
            *head,
            flatten.with_changes(leading_lines=comment),
            cst.ensure_type(sort, cst.SimpleStatementLine).with_changes(body=numbered.body),
            token,
            *rest,
            cst.ensure_type(returned, cst.SimpleStatementLine).with_changes(body=line_of(values).body),
        ],
    )


# -- projection ----------------------------------------------------------------------------------------------------


def _projection(node: cst.FunctionDef, cls: ModelingClass) -> cst.FunctionDef:
    tree, body = tree_of(node), statements_of(node.body)
    start = 1 if ast.get_docstring(tree) is not None else 0
    found = STRETCHES.fullmatch("\n".join(text_of(item) for item in tree.body[start:]))
    made = [ast.unparse(value) for value in cls.assigned["weight"]]
    counted = [ast.unparse(value) for value in cls.assigned.get("num_experts", ())]
    if found is None or len(counted) != 1 or not _is_weight(made, counted[0]):
        raise Unmatched("the projection multiplies its rows in another way", body[-1])
    if [found["rows"], found["sizes"]] != [item.arg for item in tree.args.args[1:]]:
        raise Unmatched("the projection does not take rows and sizes in this order", body[-1])
    rows, result = found["rows"], found["result"]
    describing = f'"""Apply to every row of `{rows}`, [rows, in], the weight of its `{EXPERT}`, [rows]."""'
    product = line_of(f"{result} = torch.matmul(self.weight[{EXPERT}], {rows}.unsqueeze(-1))[..., 0]")
    params = list(node.params.params)
    params[2] = params[2].with_changes(name=cst.Name(EXPERT))
    node = node.with_changes(params=node.params.with_changes(params=params))
    return with_body(node, [line_of(describing), product, body[-1]])


def _is_weight(made: list[str], count: str) -> bool:
    return len(made) == 1 and made[0].startswith(f"nn.Parameter(torch.empty({count}, ") and made[0].count(", ") == 2


# -- dispatcher ----------------------------------------------------------------------------------------------------


class _Dispatcher:
    """A method that gathers rows, has them projected, and adds them up."""

    def __init__(self, node: cst.FunctionDef, cls: ModelingClass, anatomy: Anatomy) -> None:
        self.node = node
        self.cls = cls
        self.routers = _attributes(cls, anatomy, Role.EXPERT_ROUTER)
        self.projections = _attributes(cls, anatomy, Role.EXPERT_PROJECTION)
        self.activations = frozenset(
            name for name, made in cls.assigned.items() if all(ast.unparse(v).startswith("ACT2FN[") for v in made)
        )

    def function(self) -> cst.FunctionDef:
        """The rewritten method."""
        lines, tree = statements_of(self.node.body), tree_of(self.node)
        rows = self._rows(tree)
        tokens = self._tokens(tree)
        if EXPERT in names_read(self.node):
            raise Unmatched(f"`{EXPERT}` is a name for something else here", self.node)
        new: list[cst.BaseStatement] = []
        zeros: dict[str, re.Match[str]] = {}
        for line, statement in zip(lines, tree.body, strict=True):
            text = text_of(statement)
            if (made := ZEROS.fullmatch(text)) is not None and made["like"] in rows.rows:
                zeros[made["zeros"]] = made
            elif (adds := ADDS.fullmatch(text)) is not None and adds["zeros"] in zeros:
                new.append(self._added(line, adds, zeros.pop(adds["zeros"]), rows, tokens))
            elif not rows.touches(statement) or self._hands_over(statement, rows):
                new.append(line)
            else:
                try:
                    rows.follow(statement)
                except NotByRow:
                    raise Unmatched("this may depend on the order of an expert's rows", line) from None
                new.append(line)
        if zeros:
            raise Unmatched("a result of the experts is never added up", lines[-1])
        renamed = with_body(self.node, new).visit(Renamed(rows.sizes, EXPERT))
        return cst.ensure_type(renamed, cst.FunctionDef)

    def _rows(self, tree: ast.FunctionDef) -> Rows:
        """Names of what the router returns, as this method unpacks it from the router or from another method's."""
        names = self._unpacked(tree) or self._handed(tree)
        if names is None or len(set(names[:4]) - {"_"}) + names[:4].count("_") != 4:
            raise Unmatched("what the router returns is not unpacked here", self.node)
        choice, token, weights, sizes = names[:4]
        return Rows(choice, token, weights, sizes, self.projections, self.activations)

    def _unpacked(self, tree: ast.FunctionDef) -> list[str] | None:
        """`<names> = self.<router>(<states>)`, which must be called once."""
        found = [
            [ast.unparse(item) for item in statement.targets[0].elts]
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Tuple)
            and isinstance(statement.value, ast.Call)
            and ast.unparse(statement.value.func).removeprefix("self.") in self.routers
        ]
        return found[0] if len(found) == 1 and len(found[0]) == 5 else None

    def _handed(self, tree: ast.FunctionDef) -> list[str] | None:
        """`<names> = <parameter>`, by the same names under which another method packs what the router returned."""
        packed = {
            ast.unparse(statement.value)
            for method in self.cls.methods.values()
            if (names := self._unpacked(method)) is not None
            for statement in method.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Tuple)
            and [ast.unparse(item) for item in statement.value.elts] == names[:4]
        }
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
                target = statement.targets[0]
                if ast.unparse(target) in packed and isinstance(statement.value, ast.Name):
                    return [ast.unparse(item) for item in target.elts]
        return None

    def _hands_over(self, statement: ast.stmt, rows: Rows) -> bool:
        """Whether a statement only unpacks or packs what the router returned."""
        if not isinstance(statement, ast.Assign):
            return False
        names = [rows.choice, rows.token, rows.weights, rows.sizes]
        for side in (statement.targets[0], statement.value):
            if isinstance(side, ast.Tuple) and [ast.unparse(item) for item in side.elts][:4] == names:
                return not rows.touches(statement.value) or side is statement.value
        return False

    def _tokens(self, tree: ast.FunctionDef) -> str:
        """How many tokens there are: the first two axes of the states, of which all but the last become one."""
        texts = [text_of(statement) for statement in tree.body]
        sizes = [found for text in texts if (found := TOKENS.fullmatch(text)) is not None]
        if len(sizes) == 1 and f"{sizes[0]['states']} = {sizes[0]['states']}.reshape(-1, {sizes[0]['last']})" in texts:
            return f"{sizes[0]['a']} * {sizes[0]['b']}"
        raise Unmatched("the states are not made one row a token", self.node)

    def _added(
        self, line: cst.BaseStatement, adds: re.Match[str], zeros: re.Match[str], rows: Rows, tokens: str
    ) -> cst.BaseStatement:
        """Adding rows up by token is a sum over each token's choices; by choice, it is nothing to do."""
        if adds["rows"] not in rows.rows:
            raise Unmatched("what is added up are not the experts' rows", line)
        if adds["index"] == rows.token and zeros["rows"] == tokens:
            value = f"{adds['rows']}.view({tokens}, -1, {zeros['columns']}).sum(dim=1)"
        elif adds["index"] == rows.choice and zeros["rows"] == f"{tokens} * self.top_k":
            value = adds["rows"]
        else:
            raise Unmatched("the rows are not added up by token or by choice", line)
        return line.with_changes(body=line_of(f"{adds['total']} = {value}").body)


def _other_reader(anatomy: Anatomy, dispatcher: str, entries: tuple[str, ...]) -> str | None:
    """A class that does more with what one method of a dispatcher packs than hand it to another."""
    if len(entries) < 2:
        return None
    for name in anatomy.reachable:
        cls = anatomy.file.classes[name]
        attributes = [attribute for attribute, built in cls.built.items() if dispatcher in built]
        calls = {f"self.{attribute}.{entry}" for attribute in attributes for entry in entries}
        for method in cls.methods.values():
            nodes = list(ast.walk(method))
            made = [item for item in nodes if isinstance(item, ast.Call) and ast.unparse(item.func) in calls]
            given = [value for call in made for value in (*call.args[1:], *(item.value for item in call.keywords))]
            handed, passed = {id(value) for value in given}, {ast.unparse(value) for value in given}
            reads = [item for item in nodes if isinstance(item, ast.Name) and item.id in passed]
            bound = [item.id for item in reads if isinstance(item.ctx, ast.Store)]
            if sorted(bound) != sorted(passed) or any(
                isinstance(item.ctx, ast.Load) and id(item) not in handed for item in reads
            ):
                return f"{name}.{method.name}"
    return None


def _attributes(cls: ModelingClass, anatomy: Anatomy, role: Role) -> frozenset[str]:
    """Attributes of a class that hold parts of `role`, and nothing else."""
    names = {part.name for part in anatomy.parts(role)}
    return frozenset(attribute for attribute, built in cls.built.items() if built and set(built) <= names)
