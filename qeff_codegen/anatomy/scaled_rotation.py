"""Recognise a rotation that has another one of its file compute cos and sin, after scaling positions or frequencies.

Files of 4.38 to 4.42 have a class for each type of scaling, below the plain one: a linear one divides the positions, a
dynamic one makes other frequencies where a call goes beyond as many positions as it was made for, which no table does.
"""

from __future__ import annotations

from qeff_codegen.anatomy.kept_tables import inherited, rows_for_positions
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

ARGUMENTS = ("x", "position_ids")
POSITIONS = "max_position_embeddings"
LINEAR = Pattern("""
position_ids = position_ids.float() / self.scaling_factor
$cos, $sin = super().forward(x, position_ids)
return $cos, $sin
""")
DYNAMIC = Pattern(f"""
$longest = torch.max(position_ids) + 1
if $longest > self.{POSITIONS}:
    $...grown
$cos, $sin = super().forward(x, position_ids)
return $cos, $sin
""")


def rotation_scaled(file: ModelingFile, cls: ModelingClass) -> ModelingClass | None:
    """The class whose forward computes what `cls` gives of scaled positions or frequencies; None for any other class.

    A dynamic one must be made for as many positions as the configuration says there are.
    """
    forward = cls.forward
    if forward is None or len(cls.bases) != 1 or cls.bases[0] not in file.classes or forward.decorator_list:
        return None
    base = file.classes[cls.bases[0]]
    if base.forward is None or not parameters(forward) == parameters(base.forward) == ARGUMENTS:
        return None
    if match(LINEAR, forward.body) is not None:
        return base
    return base if match(DYNAMIC, forward.body) is not None and rows_for_positions(file, cls) else None


def keeps_no_configuration(file: ModelingFile, cls: ModelingClass) -> bool:
    """Whether a class keeps the number of positions that it is made for, and no configuration that says it."""
    owner = cls
    while "__init__" not in owner.methods and owner.bases and owner.bases[0] in file.classes:
        owner = file.classes[owner.bases[0]]
    made = inherited(file, cls, "__init__")
    kept = [spelled(item) for item in owner.assigned.get(POSITIONS, ())]
    return made is not None and "config" not in parameters(made) and kept == [POSITIONS]
