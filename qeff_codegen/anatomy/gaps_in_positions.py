"""Gaps of models that want more of positions than one number for each token."""

from __future__ import annotations

import ast
import re

from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.gap import Gap, calls_in, short
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile

SEVERAL_POSITIONS = re.compile(r"position_ids\[None, \.\.\.\]\.expand\((\d+), .*\)")


def several_positions(file: ModelingFile, lm: ModelingClass, _classes: tuple[ModelingClass, ...]) -> Gap | None:
    """The model has rows of positions beside the one that says where a token stands."""
    for _, model in called_modules(file, lm):
        for call in calls_in(model.forward):
            kinds = SEVERAL_POSITIONS.fullmatch(ast.unparse(call))
            if kinds is not None:
                return Gap(
                    f"`{model.name}` gives every token {kinds[1]} positions: `{short(call)}`",
                    call.lineno,
                    "one position for each token, `position_ids` being [batch size, tokens]",
                    "positions of several kinds, as those of images have, need an idea of what the graph is given",
                )
    return None
