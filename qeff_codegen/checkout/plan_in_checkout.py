"""What a family is put through on QEfficient's own runtime: as a causal LM, or as two programs with images."""

from __future__ import annotations

from pathlib import Path

from qeff_codegen.checkout import qefficient_bench
from qeff_codegen.errors import UsageError
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.image_families import find_image_family
from qeff_codegen.validation.family_plan import Plan, plan_for
from qeff_codegen.validation.image_plan import ImagePlan, image_plan_for


def plan_in_checkout(name: str, checkout: Path) -> Plan | ImagePlan:
    """The family of `name`.

    Raises:
        UsageError: nothing serves it in `checkout`, or what serves it cannot be run here.
    """
    images = find_image_family(name)
    if images is not None:
        # Text needs nothing of what a checkout has for images.
        from qeff_codegen.checkout import qefficient_image_bench

        if not qefficient_image_bench.is_served(images):
            raise _not_served(name, images.model_class, checkout)
        qefficient_image_bench.check_taken(images)
        return image_plan_for(images, qefficient_image_bench.QEfficientImageRuntime())
    family = find_family(name)
    if not qefficient_bench.is_served(family):
        raise _not_served(name, family.causal_lm_class, checkout)
    return plan_for(family, qefficient_bench.QEfficientRuntime())


def _not_served(name: str, upstream_class: type, checkout: Path) -> UsageError:
    return UsageError(
        f"Nothing serves `{name}` in {checkout}: its mappings have no QEff class for {upstream_class.__name__}.\n"
        f"Run `python -m qeff_codegen apply {name} --checkout {checkout}` first."
    )
