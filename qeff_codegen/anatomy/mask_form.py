"""In which form upstream's model hands its mask to the layers."""

from __future__ import annotations

import ast
from enum import StrEnum

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.codemod.tree import find, spelled

BUILDERS_MODULE = "transformers.masking_utils"
CAUSAL = "create_causal_mask"
# What older releases have in their place.
HELPERS_MODULE = "transformers.modeling_attn_mask_utils"
HELPER = "_prepare_4d_causal_attention_mask"
BOOLEAN = (".bool()", ".to(torch.bool)")


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
    """The form in which the model hands its mask on.

    `<builder>(...).to(torch.bool)` is true where the mask was not zero; so is `<mask>.bool()` after an older release's
    helper made it.
    """
    builders = mask_builders(anatomy.file)
    if HELPER in anatomy.file.imports and _made_boolean(anatomy.model.forward):
        return MaskForm.FILLED
    for call in find(ast.Call, anatomy.model.forward):
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "to":
            continue
        made = call.func.value
        cast = [spelled(item) for item in (*call.args, *call.keywords)] == ["torch.bool"]
        if cast and isinstance(made, ast.Call) and spelled(made.func) in builders:
            return MaskForm.FILLED
    return MaskForm.ADDED


def _made_boolean(forward: ast.FunctionDef) -> bool:
    """Whether a name is bound to what the helper makes, and then to that as booleans."""
    bound = [(spelled(node.targets[0]), node.value) for node in find(ast.Assign, forward)]
    made = {name for name, value in bound if isinstance(value, ast.Call) and spelled(value.func) == HELPER}
    return any(name in made and spelled(value) in [name + cast for cast in BOOLEAN] for name, value in bound)
