"""Leave rows in the order of tokens where a dispatcher sorts them itself, by `argsort`, and puts them back.

Upstream sorts the choices of all tokens by expert and counts each expert's, so that a function can multiply stretches
of rows, one for each expert; where a stretch ends depends on values. What happens to a row does not depend on where it
stands, so the order that sorting gives may be that of the tokens, in which a row knows its expert: the projection
gathers that expert's weight, `[rows, in, out]`, and nothing has to be put back.
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
from rewrite_rules._matching import line_of, names_loaded, statements_of, tree_of, without_assignments
from rewrite_rules._statements import Renamed, text_of, with_body

COUNTS = re.compile(
    r"(?P<sizes>\w+) = torch\.histc\((?P<chosen>\w+)\.flatten\(\)\.to\(torch\.float32\), "
    r"bins=self\.config\.(?P<count>\w+), min=0, max=self\.config\.(?P=count) - 1\)\.to\(\w+\)"
)
SAME = re.compile(r"(?P<new>\w+) = (?P<old>\w+)(\.view\(-1\))?")
SORT = re.compile(r"(?P<choice>\w+) = torch\.argsort\((?P<experts>\w+)\)")
GATHER = re.compile(
    r"(?P<rows>\w+) = (?P<states>\w+)\.index_select\(0, (?P<choice>\w+) // (?P<top>self\.config\.\w+)\)"
)
ZEROS = re.compile(
    r"(?P<zeros>\w+) = torch\.zeros\(\(\w+\.shape\[0\] \* (?P<top>self\.config\.\w+), (?P<rows>\w+)\.size\(1\)\), "
    r"dtype=(?P=rows)\.dtype, device=(?P=rows)\.device\)"
)
PLACE = re.compile(r"(?P<zeros>\w+)\.index_copy_\(0, (?P<choice>\w+), (?P<rows>\w+)\)")
# A function of rows, weights and sizes: each line is one statement, to its end.
STRETCHES = re.compile(
    r"(?P<many>\w+) = (?P<rows>\w+)\.shape\[0\]\n"
    r"(?P<out>\w+) = (?P<weights>\w+)\.shape\[-1\]\n"
    r"(?P<result>\w+) = torch\.zeros\((?P=many), (?P=out), dtype=(?P=rows)\.dtype, device=(?P=rows)\.device\)\n"
    r"(?P<ends>\w+) = torch\.cumsum\((?P<sizes>\w+), dim=0\)\n"
    r"(?P<zero>\w+) = torch\.zeros\(1, dtype=torch\.long, device=(?P=ends)\.device\)\n"
    r"(?P=ends) = torch\.cat\(\((?P=zero), (?P=ends)\)\)\n"
    r"for (?P<i>\w+) in range\((?P=weights)\.shape\[0\]\):\n"
    r"    (?P<start>\w+) = (?P=ends)\[(?P=i)\]\n"
    r"    (?P<end>\w+) = (?P=ends)\[(?P=i) \+ 1\]\n"
    r"    (?P<some>\w+) = (?P=rows)\[(?P=start):(?P=end)\]\n"
    r"    (?P<product>\w+) = torch\.matmul\((?P=some), (?P=weights)\[(?P=i)\]\)\n"
    r"    (?P=result)\[(?P=start):(?P=end)\] = (?P=product)\n"
    r"return (?P=result)"
)
EXPERT = "expert"
ORDER = "# Rows stand in the order of tokens, a token's choices side by side."


class UnsortedRows(Rule):
    why = "Where an expert's rows end depends on values; left in place, each row gathers its own expert's weight."
    roles = (Role.EXPERT_DISPATCHER, Role.EXPERT_PROJECTION)
    construct = (
        "`argsort` of the chosen experts, their `histc`, projections that multiply stretches of that many rows, only "
        "what treats each row by itself, and `index_copy_` back"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        part = anatomy.part(function.owner or "")
        assert part is not None
        if anatomy.parts(Role.EXPERT_ROUTER) or function.name not in ("forward", *part.entries):
            return function.node, 0
        if function.role is Role.EXPERT_PROJECTION:
            return _projection(function.node, part.cls, anatomy), 1
        return _dispatcher(function.node, part.cls, anatomy), 1


def _projection(node: cst.FunctionDef, cls: ModelingClass, anatomy: Anatomy) -> cst.FunctionDef:
    tree, body = tree_of(node), statements_of(node.body)
    rows, sizes = (item.arg for item in tree.args.args[1:])
    called = re.fullmatch(rf"return (\w+)\({rows}, self\.weight, {sizes}\.cpu\(\)\)", text_of(tree.body[-1]))
    function = anatomy.file.functions.get(called[1]) if called is not None else None
    if function is None or _documented(tree) + 1 != len(tree.body) or not _multiplies_stretches(function):
        raise Unmatched("the projection multiplies its rows in another way", body[-1])
    if [ast.unparse(value).count(", ") for value in cls.assigned["weight"]] != [2]:
        raise Unmatched("the projection's weight is not one matrix for each expert", body[-1])
    describing = f'"""Multiply every row of `{rows}`, [rows, in], by the weight of its `{EXPERT}`, [rows]."""'
    product = f"return torch.matmul({rows}.unsqueeze(1), self.weight[{EXPERT}]).squeeze(1)"
    params = list(node.params.params)
    params[2] = params[2].with_changes(name=cst.Name(EXPERT))
    node = node.with_changes(params=node.params.with_changes(params=params))
    return with_body(node, [line_of(describing), line_of(product)])


def _documented(tree: ast.FunctionDef) -> int:
    return int(ast.get_docstring(tree) is not None)


def _multiplies_stretches(function: ast.FunctionDef) -> bool:
    found = STRETCHES.fullmatch("\n".join(text_of(item) for item in function.body[_documented(function) :]))
    taken = [item.arg for item in function.args.args]
    return found is not None and taken == [found["rows"], found["weights"], found["sizes"]]


def _dispatcher(node: cst.FunctionDef, cls: ModelingClass, anatomy: Anatomy) -> cst.FunctionDef:
    lines, tree = statements_of(node.body), tree_of(node)
    texts = [text_of(item) for item in tree.body]
    counts, sort, gather, zeros, place = (
        _only(pattern, texts, node) for pattern in (COUNTS, SORT, GATHER, ZEROS, PLACE)
    )
    experts, choice, top = sort["experts"], sort["choice"], gather["top"]
    built = {attribute: ast.unparse(cls.assigned[attribute][0]) for attribute in _projections(cls, anatomy)}
    if not all(made.endswith(f", config.{counts['count']})") for made in built.values()):
        raise Unmatched("the experts counted are not those of the projections", node)
    bound = [item.id for item in ast.walk(tree) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)]
    once = all(bound.count(name) == 1 for name in (experts, counts["chosen"], choice, counts["sizes"]))
    if not once or _origin(experts, texts) != _origin(counts["chosen"], texts):
        raise Unmatched(f"`{experts}` is sorted and another counted", node)
    consistent = gather["choice"] == place["choice"] == choice and place["zeros"] == zeros["zeros"]
    if (
        not consistent
        or place["rows"] != zeros["rows"]
        or zeros["top"] != top
        or f"k={top}," not in ast.unparse(cls.node)
    ):
        raise Unmatched("the rows are not put back as they were taken", node)
    rows = Rows(choice, choice, "", counts["sizes"], frozenset(built), frozenset())
    new: list[cst.BaseStatement] = []
    for line, statement, text in zip(lines, tree.body, texts, strict=True):
        if text == sort[0]:
            value = f"{choice} = torch.arange({experts}.shape[0], device={experts}.device)"
            comment = cst.EmptyLine(comment=cst.Comment(ORDER))
            new.append(line.with_changes(body=line_of(value).body, leading_lines=[*_leading(line), comment]))
        elif text == gather[0]:
            rows.rows.add(gather["rows"])
            new.append(line)
        elif text == place[0]:
            rows.rows.discard(place["zeros"])
            blank = _leading(lines[texts.index(zeros[0])])
            put = line_of(f"{place['zeros']} = {place['rows']}")
            new.append(put.with_changes(leading_lines=[*blank, *_leading(line)]))
        elif text not in (counts[0], zeros[0]):
            if rows.touches(_without_widths(statement)):
                try:
                    rows.follow(statement)
                except NotByRow:
                    raise Unmatched("this may depend on the order of an expert's rows", line) from None
            new.append(line)
    node = cst.ensure_type(with_body(node, new).visit(Renamed(counts["sizes"], experts)), cst.FunctionDef)
    return without_assignments(node, _dtypes(texts) - names_loaded(node))


def _only(pattern: re.Pattern[str], texts: list[str], node: cst.FunctionDef) -> re.Match[str]:
    found = [match for text in texts if (match := pattern.fullmatch(text)) is not None]
    if len(found) != 1:
        raise Unmatched("the rows are sorted, counted, gathered or put back in another way", node)
    return found[0]


def _origin(name: str, texts: list[str]) -> str:
    """The name of which `name` is another one, or the same in one row."""
    for text in reversed(texts):
        if (same := SAME.fullmatch(text)) is not None and same["new"] == name:
            name = same["old"]
    return name


def _projections(cls: ModelingClass, anatomy: Anatomy) -> list[str]:
    names = {part.name for part in anatomy.parts(Role.EXPERT_PROJECTION)}
    return [attribute for attribute, built in cls.built.items() if built and set(built) <= names]


def _dtypes(texts: list[str]) -> set[str]:
    """Names that hold a dtype, which upstream kept for the counts."""
    return {found[1] for text in texts if (found := re.fullmatch(r"(\w+) = \w+\.dtype", text)) is not None}


def _leading(line: cst.BaseStatement) -> list[cst.EmptyLine]:
    return list(line.leading_lines) if isinstance(line, cst.SimpleStatementLine) else []


def _without_widths(statement: ast.stmt) -> ast.AST:
    """A statement without the questions how wide rows are, which is the same in any order."""
    return ast.parse(re.sub(r"\b\w+\.size\(1\)", "0", ast.unparse(statement)))
