"""Classes of which no module is called, since generated code raises under the setting that would build one."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable

from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.codemod.tree import find, spelled


def refused_by_setting(owner: ModelingClass, generated: ast.ClassDef, others: Iterable[ModelingClass]) -> set[str]:
    """The classes that `owner` builds under a setting for which its generated class raises, and nothing else builds.

    `if self.config.<setting>: ... else: raise ...` refuses what `__init__` builds in the `else` of
    `if config.<setting>:`.

    Args:
        generated: the class that replaces `owner`.
        others: every class of the file that may build modules.
    """
    initializer = owner.methods.get("__init__")
    times_named = Counter(name for cls in others for name in _named(cls.methods.get("__init__")))
    found: set[str] = set()
    for choice in find(ast.If, initializer):
        for asked in find(ast.If, generated):
            if spelled(asked.test) != f"self.{spelled(choice.test)}":
                continue
            for refused, built in ((asked.body, choice.body), (asked.orelse, choice.orelse)):
                if refused and isinstance(refused[0], ast.Raise):
                    found |= {name for name, count in Counter(_named(*built)).items() if count == times_named[name]}
    return found


def _named(*nodes: ast.AST | None) -> list[str]:
    return [name.id for node in nodes for name in find(ast.Name, node)]
