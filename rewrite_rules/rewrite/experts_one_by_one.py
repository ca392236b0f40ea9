"""Let every expert of a list compute every token, and weigh with zero what a token did not choose.

Upstream finds the tokens that chose an expert, hands it only those, and adds their weighted results where they came
from; which tokens those are depends on values, which a graph cannot follow. The experts are modules of their own, so
their weights cannot be gathered by number; each of them runs once, for all tokens. A token's weight for an expert is
the one it was chosen with, or 0, and adding zeros changes no sum. Every expert is computed for every token, in
decoding too: that is the price of a list.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.listed_experts import listed_experts
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._each_row import EachRow
from rewrite_rules._matching import modules_made_by, names_read, source, statements_of
from rewrite_rules._statements import text_of, with_body

MASK = re.compile(
    r"(?P<mask>\w+) = torch\.nn\.functional\.one_hot\((?P<chosen>\w+), "
    r"num_classes=(?P<count>self\.\w+|len\(self\.\w+\))\)"
    r"(?:\n(?P=mask) = (?P=mask))?\.permute\((?P<order>2, 1, 0|2, 0, 1)\)"
    r"(?:\n(?P<hit>\w+) = torch\.greater\((?P=mask)\.sum\(dim=\(-1, -2\)\), 0\)\.nonzero\(\))?"
)
# The loop over experts that were hit, or over all: choices stand before tokens in the mask.
CHOICES_FIRST = re.compile(
    r"for (?P<number>\w+) in (?P<over>.+):\n"
    r"    (?P<expert>\w+) = self\.(?P<list>\w+)\[(?P=number)\]\n"
    r"    (?P<choice>\w+), (?P<token>\w+) = torch\.where\((?P<mask>\w+)\[(?P=number)\](?:\.squeeze\(0\))?\)\n"
    r"(?:    if (?P=token)\.shape\[0\] == 0:\n        continue\n)?"
    r"    (?P<rows>\w+) = (?P<states>\w+)\[None, (?P=token)\]\.reshape\(-1, (?P<width>\w+)\)\n"
    r"    (?P<share>\w+) = (?P=expert)\((?P=rows)\) \* (?P<weights>\w+)\[(?P=token), (?P=choice), None\]\n"
    r"    (?P<total>\w+)\.index_add_\(0, (?P=token), (?P<added>(?P=share)\.to\((?P=states)\.dtype\))\)"
)
# The loop over all experts: tokens stand before choices in the mask.
TOKENS_FIRST = re.compile(
    r"for (?P<number>\w+) in (?P<over>.+):\n"
    r"    (?P<expert>\w+) = self\.(?P<list>\w+)\[(?P=number)\]\n"
    r"    (?P<of>\w+) = (?P<mask>\w+)\[(?P=number)\]\n"
    r"    (?P<token>\w+), (?P<choice>\w+) = torch\.where\((?P=of)\)\n"
    r"    if (?P=token)\.numel\(\) > 0:\n"
    r"        (?P<chosen_weights>\w+) = (?P<weights>\w+)\[(?P=token), (?P=choice)\]\n"
    r"        (?P<rows>\w+) = (?P<states>\w+)\[(?P=token)\]\n"
    r"        (?P<result>\w+) = (?P=expert)\((?P=rows)\)\n"
    r"        (?P<share>\w+) = (?P=result) \* (?P=chosen_weights)\.unsqueeze\(-1\)\n"
    r"        (?P<total>\w+)\.index_add_\(0, (?P=token), (?P<added>(?P=share))\)"
)
# What else may be called where the list is made; an identity leaves each row as it is.
LIST_OF = {"nn.ModuleList", "torch.nn.ModuleList", "range", "nn.Identity"}
ORDERS = {"2, 1, 0": CHOICES_FIRST, "2, 0, 1": TOKENS_FIRST}
LOOP = """
for {number} in range({count}):
    {expert} = self.{list}[{number}]
    # The weight that a token chose the expert with; 0 where it did not.
    expert_weights = torch.where({chosen} == {number}, {weights}, 0.0).sum(dim=-1, keepdim=True)
    {share} = {expert}({states}) * expert_weights
    {total} = {total} + {added}
"""


class ExpertsOneByOne(Rule):
    why = "Which tokens chose an expert depends on values; weighing with zero what they did not choose does not."
    roles = (Role.LISTED_EXPERTS,)
    expect = Expect.EXACTLY_ONE
    construct = (
        "`one_hot(<chosen>, ...)`, then a loop over experts that takes each from a list of modules, finds its tokens "
        "by `torch.where`, and adds its weighted results with `index_add_`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        at = next((place for place, item in enumerate(body) if _adds_up(item)), None)
        if at is None:
            return function.node, 0
        start, mask = _mask_before(body, at)
        found = ORDERS[mask["order"]].fullmatch(_text(body[at]))
        if found is None or found["mask"] != mask["mask"] or not _over_all(found, mask):
            raise Unmatched("the loop over a list of experts computes in another way", body[at])
        _refuse_expert(function, anatomy, body[at])
        later = set().union(*(names_read(item) for item in body[at + 1 :]))
        left = later & {found["number"], found["expert"], found["share"], mask["mask"]}
        if left or "expert_weights" in names_read(function.node) and "expert_weights" not in _text(body[at]):
            raise Unmatched("what the loop over a list of experts binds is read after it", body[at])
        values = {**mask, **{name: text for name, text in found.groupdict().items() if text}, "count": mask["count"]}
        loop = cst.ensure_type(cst.parse_statement(LOOP.format(**values).strip()), cst.For)
        loop = loop.with_changes(leading_lines=cst.ensure_type(body[at], cst.For).leading_lines)
        return with_body(function.node, [*body[:start], loop, *body[at + 1 :]]), 1


def _text(*statements: cst.BaseStatement) -> str:
    lines = [text_of(item) for statement in statements for item in ast.parse(source(statement).strip()).body]
    return re.sub(r"(?m)^( *)\((\w+, \w+)\) = ", r"\1\2 = ", "\n".join(lines))


def _adds_up(item: cst.BaseStatement) -> bool:
    return isinstance(item, cst.For) and ".index_add_(" in source(item)


def _mask_before(body: list[cst.BaseStatement], at: int) -> tuple[int, dict[str, str]]:
    """Where the statements begin that make the mask of choices for the loop, and what they name."""
    for start in range(max(0, at - 3), at):
        match = MASK.fullmatch(_text(*body[start:at]))
        if match is not None:
            return start, {name: text or "" for name, text in match.groupdict().items()}
    raise Unmatched("the choices of experts are not one `one_hot`, directly before the loop over experts", body[at])


def _over_all(found: re.Match[str], mask: dict[str, str]) -> bool:
    """Whether the loop visits every expert that was hit, or every one."""
    return found["over"] in {f"range({mask['count']})", mask["hit"] or None}


def _refuse_expert(function: Function, anatomy: Anatomy, loop: cst.BaseStatement) -> None:
    """Refuse an expert that may look at other tokens than each by itself."""
    owner = anatomy.file.classes[function.owner or ""]
    attribute = listed_experts(owner) or ""
    made = owner.built.get(attribute, ())
    called = {
        ast.unparse(node.func)
        for value in owner.assigned[attribute]
        for node in ast.walk(value)
        if isinstance(node, ast.Call)
    }
    if not made or not called <= {*made, *LIST_OF}:
        raise Unmatched("the list of experts holds modules that are not of this file", loop)
    for name in made:
        cls = anatomy.file.classes[name]
        linear = frozenset(item.removeprefix("self.") for item in modules_made_by(cls, "Linear"))
        lines = [item for item in (cls.forward.body if cls.forward else ()) if not isinstance(item, ast.Expr)]
        if not lines or not all(EachRow(cls, linear).is_line(item) for item in lines):
            raise Unmatched(f"an expert, `{name}`, may compute something that is not row by row", loop)
