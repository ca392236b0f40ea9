"""Towers that are another library's: what they compute stands in no file of transformers.

A configuration says so by the model type that it builds for its images, `timm_wrapper`, or by the library that it asks
for, `requires_backends(cls, ["timm"])`.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.codemod.tree import find
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.image_text.known_statements import RULE

LIBRARY = "timm"


def refuse_other_library(file: ModelingFile) -> None:
    """Raises a refusal where the configuration builds the vision tower from another library."""
    path, text = file.upstream.configuration
    for constant in find(ast.Constant, ast.parse(text)):
        value = constant.value
        if isinstance(value, str) and (value == LIBRARY or value.startswith(f"{LIBRARY}_")):
            raise Refusal(
                f"the vision tower is one of the library {LIBRARY}, whose code is not read",
                rule=RULE,
                location=Location(path, constant.lineno, text.splitlines()[constant.lineno - 1]),
                expected="a tower that transformers has the code of",
                next_step=f"a tower of {LIBRARY} would have to be validated with that library installed",
            )
