"""What a family is put through, whatever kind of model it has."""

from __future__ import annotations

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.image_families import find_image_family
from qeff_codegen.validation.family_plan import Plan, plan_for
from qeff_codegen.validation.image_bench import ImageRuntime
from qeff_codegen.validation.image_plan import ImagePlan, image_plan_for
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.stages import ALL_STAGES


def plan_of(name: str, transforms: GeneratedTransforms, last_stage: int = ALL_STAGES) -> Plan | ImagePlan:
    """The family of `name`: as an image-text model where it is generated as one, which may have a causal LM too.

    Raises:
        UsageError: the installed transformers has no such model type, or neither class of it.
    """
    image_family = find_image_family(name, beside_causal_lm=True)
    # Of one that has a causal LM too, images may be refused.
    is_one = image_family is not None and (
        find_image_family(name) is not None or transforms.class_of(image_family.model_class) is not None
    )
    if image_family is not None and is_one:
        return image_plan_for(image_family, ImageRuntime(transforms), last_stage)
    return plan_for(find_family(name), OwnRuntime(transforms), last_stage)
