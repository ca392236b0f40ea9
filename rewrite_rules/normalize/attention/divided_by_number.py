"""Divide by a number where upstream puts it into a tensor without axes first.

`scores / torch.full([], n, dtype=scores.dtype)` and `scores / n` are the same numbers; a size that is put into a
tensor has to be read out of the graph again by the exporter.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.pattern_rule import Change, PatternRule


class DividedByNumber(PatternRule):
    why = "A number that is put into a tensor to divide by it is the number."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    changes = (Change("$scores / torch.full([], $number, ..., dtype=$scores.dtype)", "$scores / $number"),)
