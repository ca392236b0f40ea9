"""A generated family by its name alone: its tiny model with random weights, to see what is compiled of it."""

from __future__ import annotations

import hashlib

from qeff_codegen.deploy.checkpoint import Checkpoint
from qeff_codegen.remote_code.load import RemoteClasses
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.tiny_models.remote_family import remote_family


def tiny_checkpoint(name: str, remote: RemoteClasses | None = None) -> Checkpoint:
    """The family's tiny model as validation makes it.

    Args:
        name: the family.
        remote: its classes, where they are not in transformers.

    Raises:
        UsageError: the installed transformers has no such family.
    """
    family = find_family(name) if remote is None else remote_family(name, remote)
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    digest = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.numpy().tobytes())
    return Checkpoint(f"tiny-{name}", model, None, digest.hexdigest(), random_weights=True, family=name)
