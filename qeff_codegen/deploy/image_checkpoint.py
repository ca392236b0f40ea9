"""Upstream's image-text model and its processor, from a folder, or a generated family's tiny model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoModelForImageTextToText

from qeff_codegen.deploy.checkpoint import Checkpoint, checkpoint_sha256, configuration_of
from qeff_codegen.deploy.named_model import names_a_family, why_incomplete
from qeff_codegen.deploy.processor import load_processor
from qeff_codegen.deploy.upstream_model import load_upstream_model
from qeff_codegen.errors import UsageError
from qeff_codegen.tiny_models.image_families import build_image_config, find_image_family, image_variants
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.upstream.checkpoint_folder import read_checkpoint_folder


@dataclass(frozen=True)
class ImageCheckpoint(Checkpoint):
    """A loaded image-text model.

    Attributes:
        processor: what makes tokens and pixels of text and images, or None where it has none.
        no_processor: why it has none, for a message; empty where it has one.
    """

    processor: Any = None
    no_processor: str = ""


def names_image_text(source: str, generated: Path, *, with_images: bool = False) -> bool:
    """Whether `source` is the folder of an image-text model, or the name of such a family that is generated.

    Args:
        source: it.
        generated: the folder with the generated classes.
        with_images: whether something is asked of images; a family that has a causal LM too is that where nothing is.
    """
    if names_a_family(source, generated):
        return find_image_family(source, beside_causal_lm=with_images) is not None
    folder = read_checkpoint_folder(Path(source)) if Path(source).is_dir() else None
    if folder is None or folder.model_type is None:
        return False
    return find_image_family(folder.model_type, beside_causal_lm=with_images) is not None


def load_image_checkpoint(source: str, generated: Path) -> ImageCheckpoint:
    """Load what `source` names: a folder as `save_pretrained` writes it, or a family's tiny model.

    Raises:
        UsageError: a file is missing or damaged.
    """
    if names_a_family(source, generated):
        return _tiny(source)
    folder = Path(source)
    missing = why_incomplete(folder)
    if missing:
        raise UsageError(missing)
    loaded = load_processor(folder)
    read = configuration_of(folder, folder)
    arguments = {} if read.config is None else {"config": read.config}
    untrusted = {**arguments, "trust_remote_code": False}
    found = load_upstream_model(AutoModelForImageTextToText, folder, folder, untrusted, "an image-text model")
    return ImageCheckpoint(
        folder.resolve().stem,
        found.model,
        getattr(loaded.processor, "tokenizer", None),
        checkpoint_sha256(folder),
        remarks=(*read.remarks, *found.remarks),
        processor=loaded.processor,
        no_processor=loaded.missing,
    )


def _tiny(name: str) -> ImageCheckpoint:
    """The family's tiny model as validation makes it."""
    family = find_image_family(name, beside_causal_lm=True)
    assert family is not None
    model = build_tiny_model(family.model_class, build_image_config(family, image_variants(family)[0]), seed=0)
    digest = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.numpy().tobytes())
    return ImageCheckpoint(f"tiny-{name}", model, None, digest.hexdigest(), random_weights=True, family=name)
