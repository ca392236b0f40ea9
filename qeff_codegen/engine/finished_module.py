"""The finished module as the verifying checks see it: text, tree, and who upstream's parts are."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.tree import parse
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.target import PREFIX, Target


@dataclass(frozen=True)
class FinishedModule:
    """What was generated for one model.

    Attributes:
        imports: where every imported name comes from.
        defined: names the module defines itself.
        target: where it goes.
    """

    code: str
    anatomy: Anatomy
    mappings: tuple[MappingEntry, ...]
    imports: dict[str, str]
    defined: frozenset[str]
    target: Target = EMBEDDED
    tree: ast.Module = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", parse(self.code))

    def method(self, upstream_class: str, name: str) -> ast.FunctionDef | None:
        """A method of the class that replaces `upstream_class`."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == PREFIX + upstream_class:
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and item.name == name:
                        return item
        return None
