"""Checked-in generated models, tiny and with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model

GENERATED = Path(__file__).resolve().parents[2] / "generated"


def tiny_generated(name: str) -> Any:
    """The family's tiny model as validation builds it, in its generated classes."""
    family = find_family(name)
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    return load_transforms(name, GENERATED).apply(model)
