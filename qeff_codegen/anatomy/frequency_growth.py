"""Recognise frequencies that are made anew only beyond as many positions as the configuration says there are.

Releases 4.43 to 4.47 do it in a method that the rotation's forward calls for scaling types named `dynamic`: where the
longest position of a call is beyond all earlier ones, frequencies are made for that length; where a later call is
short again, the first ones come back. Both lengths are the configuration's at the beginning, so that up to there
neither happens, and no table goes further.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

ASKED = Pattern("""
if "dynamic" in self.rope_type:
    $method(position_ids, device=x.device)
""")
LONGEST, FIRST = "max_seq_len_cached", "original_max_seq_len"
GROWS = Pattern(f"""
$longest = torch.max(position_ids) + 1
if $longest > self.{LONGEST}:
    $...grown
if $longest < self.{FIRST} and self.{LONGEST} > self.{FIRST}:
    $...reset
""")
# The number of positions, or the argument of that name where a rotation is made without a configuration.
POSITIONS = {"config.max_position_embeddings", "max_position_embeddings"}


def grows_beyond_positions(cls: ModelingClass) -> ast.stmt | None:
    """The statement of forward that may make other frequencies, if it does so beyond the positions alone."""
    for statement in cls.forward.body if cls.forward is not None else ():
        found = match(ASKED, statement)
        method = cls.methods.get(self_attribute(found["method"]) or "") if found is not None else None
        if method is None or [item.arg for item in method.args.args] != ["self", "position_ids", "device"]:
            continue
        body = method.body[ast.get_docstring(method) is not None :]
        lengths = {spelled(value) for name in (LONGEST, FIRST) for value in cls.assigned.get(name, ())}
        starts = all(name in cls.assigned for name in (LONGEST, FIRST)) and lengths <= POSITIONS
        if match(GROWS, body) is not None and starts and not method.decorator_list:
            return statement
    return None
