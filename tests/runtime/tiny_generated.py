"""Checked-in generated models, tiny and with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model

GENERATED = Path(__file__).resolve().parents[2] / "generated"


def tiny_upstream(name: str, variant: str = "base", seed: int = 0) -> Any:
    """A variant of the family's tiny model as validation builds it, upstream's own."""
    family = find_family(name)
    (chosen,) = [item for item in variants(family) if item.name == variant]
    return build_tiny_model(family.causal_lm_class, build_config(family, chosen), seed=seed)


def tiny_generated(name: str, variant: str = "base", seed: int = 0) -> Any:
    """The same in its generated classes."""
    return load_transforms(name, GENERATED).apply(tiny_upstream(name, variant, seed))
