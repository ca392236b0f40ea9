"""Build the mask of every kind of layer by a call that is written out.

Some models name a builder for each kind of layer in a table, and then call that of every kind that the configuration
has. Written out, each mask is seen beside what it is made from; one that no layer asks for costs nothing.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

BY_KIND = pattern("{$kind: $builders[$kind](**$arguments) for $kind in set($_)}")


class MasksByKind(Rule):
    why = "Every mask is built by a call that is written out, where it is seen what it is made from."
    roles = (Role.MODEL,)
    construct = f"`$builders = {{<kind>: <builder of masks>, ...}}`, then `{BY_KIND}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        builders = mask_builders(anatomy.file)
        named = [item for node in code.nodes(ast.Assign) if (item := assigned(node)) is not None]
        bound = [node.id for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Store)]
        tables = {
            name: value
            for name, value in named
            if isinstance(value, ast.Dict) and {spelled(item) for item in value.values} <= builders
        }
        edits, count = Edits(code), 0
        for found in find_all(BY_KIND, code):
            table = tables.get(found.name("builders"))
            if table is None or bound.count(found.name("builders")) != 1 or None in table.keys:
                continue
            arguments = code.segment(found["arguments"])
            entries = [
                f"{code.segment(key)}: {spelled(value)}(**{arguments}),\n"
                for key, value in zip(table.keys, table.values, strict=True)
                if key is not None
            ]
            edits.replace(found.expression, "{\n" + "".join(entries) + "}")
            count += 1
        return edits.done(), count
