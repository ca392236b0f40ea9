"""Gaps of models that want more of positions than one number for each token."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.gap import Gap, short
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.position_kinds import text_positions
from qeff_codegen.codemod.tree import find, spelled

ONE_KIND = "position_ids[None, ...]"


def several_positions(file: ModelingFile, lm: ModelingClass, _classes: tuple[ModelingClass, ...]) -> Gap | None:
    """The model has rows of positions beside the one that says where a token stands, and they may differ."""
    for _, model in called_modules(file, lm):
        if model.forward is not None and text_positions(model.forward) is not None:
            continue
        for call in find(ast.Call, model.forward):
            if spelled(call.func) != f"{ONE_KIND}.expand" or len(call.args) < 2:
                continue
            if isinstance(call.args[0], ast.Constant):
                return Gap(
                    f"`{model.name}` gives every token {spelled(call.args[0])} positions: `{short(call)}`",
                    call.lineno,
                    "one position for each token, `position_ids` being [batch size, tokens]",
                    "positions of several kinds, as those of images have, need an idea of what the graph is given",
                )
    return None
