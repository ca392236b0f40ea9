"""Make the token types of a sequence where upstream gathers them by position from a buffer of zeros.

Without token types upstream takes zeros: from a buffer registered for the purpose, gathered by position, or, where the
module has no such buffer, made as they are needed. A pad's position is -1, which cannot be gathered by; what is made
is the same.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold
from rewrite_rules._matching import source

ASKED = re.compile(r"""hasattr\(self, ["'](\w+)["']\)""")
# What chooses among the buffer's values and computes nothing.
CHOOSES = re.compile(
    r"(?P<of>[\w.]+)\.expand\(.+\)|torch\.gather\((?P<from>\w+), dim=1, index=position_ids\)|(?P<rows>[\w.]+)\[:.+\]"
)
ZEROS = "torch.zeros("


class TokenTypesMade(Rule):
    why = "A pad's position is -1, which cannot be gathered by; the token types are zeros either way."
    roles = (Role.EMBEDDINGS,)
    words = ("hasattr(self,",)
    construct = (
        'in `if hasattr(self, "<buffer>"): <gather> else: <name> = torch.zeros(...)`, a buffer registered as zeros'
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        cls = anatomy.file.classes[function.owner or ""]
        tree = ast.parse(cst.Module([function.node]).code)
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ASKED.fullmatch(ast.unparse(node.test)) and not _same(node, cls):
                text = ast.unparse(node.test)
                raise Unmatched(f"`{text}` decides more than where zeros are taken from", function.node)
        return fold(function.node, _asks_for_buffer)


def _asks_for_buffer(test: cst.BaseExpression) -> bool | None:
    return False if isinstance(test, cst.Call) and ASKED.fullmatch(source(test)) else None


def _same(branch: ast.If, cls: ModelingClass) -> bool:
    """Whether both sides leave zeros in the same name, and nothing else that anyone reads."""
    asked = ASKED.fullmatch(ast.unparse(branch.test))
    if asked is None or not _registered_as_zeros(cls, asked.group(1)) or len(branch.orelse) != 1:
        return False
    made = _assigned(branch.orelse[0])
    zeros = {f"self.{asked.group(1)}"}
    last = ""
    for item in branch.body:
        name, value = _assigned(item)
        match = CHOOSES.fullmatch(value)
        if match is None or not {text for text in match.groupdict().values() if text} <= zeros:
            return False
        zeros.add(name)
        last = name
    return made[1].startswith(ZEROS) and last == made[0]


def _assigned(item: ast.stmt) -> tuple[str, str]:
    if not isinstance(item, ast.Assign) or len(item.targets) != 1:
        return "", ""
    return ast.unparse(item.targets[0]), ast.unparse(item.value)


def _registered_as_zeros(cls: ModelingClass, buffer: str) -> bool:
    """Whether the buffer is registered with zeros that no checkpoint replaces."""
    registered = [item for item in buffers_of(cls.node) if item.name == buffer]
    return bool(registered) and all(
        ast.unparse(item.value).startswith(ZEROS) and not item.persistent for item in registered
    )
