"""Keep a buffer as it is where upstream keeps it moved to where a call needs it.

`self.table = self.table.to(device, dtype)` changes the module in a call, for the next one too. A graph keeps nothing
but retained state, and a local holds the same entries: `table = self.table.to(...)`, read from there on.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern


class BuffersStay(Rule):
    why = "A call leaves the module as it was: a buffer that it needs elsewhere, or in another type, is a local."
    roles = CALL_PATH
    construct = "`self.<buffer> = self.<buffer>.to(...)`, once, before the buffer is read"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        buffers = [item.name for item in buffers_of(anatomy.file.classes[function.owner or ""].node)]
        edits, count = Edits(code), 0
        for name in buffers:
            moves = pattern(f"self.{name} = self.{name}.to(...)")
            moved = [item for item in code.body if match(moves, item)]
            if not moved:
                continue
            of_buffer = [node for node in code.nodes(ast.Attribute) if self_attribute(node) == name]
            earlier = any(node.lineno < moved[0].lineno for node in of_buffer)
            if len(moved) > 1 or earlier or name in code.names:
                raise Unmatched(f"`self.{name}` is moved after it was read, or `{name}` is something else", moved[0])
            inside = list(ast.walk(moved[0]))
            for node in of_buffer:
                if node not in inside or isinstance(node.ctx, ast.Store):
                    edits.replace(node, name)
            count += 1
        return edits.done(), count
