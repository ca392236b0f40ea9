"""How much of the emitted attention and decoder layer code is upstream's own."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.targets.target import PREFIX

_COUNTED = (Role.ATTENTION, Role.ATTENTION_WRAPPER, Role.DECODER_LAYER)


def upstream_share(model: GeneratedModel) -> float | None:
    """The share of lines that no rule wrote, from 0 to 1, in the forwards of attentions and decoder layers.

    Lines are counted as a diff counts them, blank ones included. A line that only the formatter laid out anew counts
    as changed, since a reviewer's diff shows it. None when no such forward is emitted.
    """
    names = {PREFIX + role.name for role in model.roles if role.role in _COUNTED}
    written = {
        number
        for edit in model.edits
        if edit.generated_lines is not None
        for number in range(edit.generated_lines[0], edit.generated_lines[1] + 1)
    }
    counted = _forward_lines(model.code, names)
    if not counted:
        return None
    return sum(number not in written for number in counted) / len(counted)


def _forward_lines(code: str, names: set[str]) -> list[int]:
    """1-based numbers of the lines of `forward` in each class of `names`."""
    return [
        number
        for cls in ast.parse(code).body
        if isinstance(cls, ast.ClassDef) and cls.name in names
        for item in cls.body
        if isinstance(item, ast.FunctionDef) and item.name == "forward"
        for number in range(item.lineno, (item.end_lineno or item.lineno) + 1)
    ]
