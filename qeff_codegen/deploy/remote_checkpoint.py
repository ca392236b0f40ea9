"""A checkpoint whose modeling code is in its own folder: loaded with its own classes, when the user trusts them."""

from __future__ import annotations

from pathlib import Path

from qeff_codegen.deploy.checkpoint import Checkpoint, checkpoint_sha256
from qeff_codegen.deploy.named_model import has_weights, why_incomplete
from qeff_codegen.deploy.quantized_weights.load import generation_config_of
from qeff_codegen.deploy.tiny_checkpoint import tiny_checkpoint
from qeff_codegen.deploy.tokenizer import load_tokenizer
from qeff_codegen.deploy.upstream_model import load_upstream_model
from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.given import Remote
from qeff_codegen.remote_code.load import load_remote_classes
from qeff_codegen.remote_code.source import find_remote_source


def remote_checkpoint(name: str, remote: Remote, generated: Path) -> Checkpoint:
    """The checkpoint in the folder of `remote`; a tiny model with random weights where there are no weights.

    Raises:
        UsageError: the code is not trusted, cannot be imported or is not what `name` was generated from, or the
            checkpoint cannot be loaded with it.
        Refusal: `config.json` names code elsewhere.
    """
    source = find_remote_source(name, remote.source, remote.class_name, generated)
    classes = load_remote_classes(source, remote.trusted)
    folder = source.folder
    if folder is None or not has_weights(folder):
        return tiny_checkpoint(source.name, classes)
    missing = why_incomplete(folder)
    if missing:
        raise UsageError(missing)
    try:
        config = classes.config_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # a stranger's code may raise anything
        raise UsageError(f"{folder} cannot be loaded: {error}\nIs it complete, and of a causal LM?") from error
    found = load_upstream_model(classes.causal_lm_class, folder, folder, {"config": config}, "a causal LM")
    model = found.model
    if getattr(model, "generation_config", None) is None:
        # A model that inherits no way to generate has not read where its checkpoint says that a text ends.
        model.generation_config = generation_config_of(folder, config)
    loaded = load_tokenizer(folder, folder, {"trust_remote_code": True})
    sha256 = checkpoint_sha256(folder)
    return Checkpoint(
        folder.resolve().name,
        model,
        loaded.tokenizer,
        sha256,
        no_tokenizer=loaded.missing,
        family=source.name,
        remarks=found.remarks,
    )
