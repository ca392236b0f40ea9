"""In which form upstream's model hands its mask to the layers."""

from __future__ import annotations

import ast
from enum import StrEnum

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile

BUILDERS_MODULE = "transformers.masking_utils"
CAUSAL = "create_causal_mask"


class MaskForm(StrEnum):
    """The mask as it reaches the attention."""

    ADDED = "a number to add to the scores, as the builder made it"
    FILLED = "boolean, true where a score may not be used"


def mask_builders(file: ModelingFile) -> set[str]:
    """Names of upstream's mask builders in a file.

    The causal one is among them where the file knows nothing by its name: there, only a rule can have written it.
    """
    builders = {name for name, (module, _) in file.imports.items() if module == BUILDERS_MODULE}
    return builders if CAUSAL in file.imports or CAUSAL in file.names else builders | {CAUSAL}


def mask_form(anatomy: Anatomy) -> MaskForm:
    """The form in which the model hands its mask on: `<builder>(...).to(torch.bool)` is true where it was not zero."""
    builders = mask_builders(anatomy.file)
    for node in ast.walk(anatomy.model.forward):
        if not isinstance(node, ast.Call) or not ast.unparse(node).endswith(").to(torch.bool)"):
            continue
        made = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(made, ast.Call) and ast.unparse(made.func) in builders:
            return MaskForm.FILLED
    return MaskForm.ADDED
