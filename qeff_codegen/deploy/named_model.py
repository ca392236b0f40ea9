"""What a command's MODEL names, known before anything that takes seconds to import is imported."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from qeff_codegen.checked_in.generated_code import families_in
from qeff_codegen.checked_in.manifest import load, package_of
from qeff_codegen.deploy.packaged_weights import PACKAGED
from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.given import Remote
from qeff_codegen.remote_code.load import check_trusted
from qeff_codegen.remote_code.source import find_remote_source
from qeff_codegen.upstream.checkpoint_folder import read_checkpoint_folder
from qeff_codegen.upstream.spelling import near

SHARD_INDEX = "model.safetensors.index.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")


def names_a_family(source: str, generated: Path) -> bool:
    """Whether `source` is no checkpoint but the name of a family that is generated into the folder `generated`."""
    if source in PACKAGED or Path(source).exists():
        return False
    return package_of(source, generated) in load(generated).models


def check_named(source: str, generated: Path, remote: Remote | None, *, random_weights: bool = True) -> None:
    """See that there is a model by that name, as far as files tell.

    Args:
        source: a model's folder, a GGUF file, the name of packaged weights or of a generated family.
        generated: the folder with the generated classes.
        remote: where the model's own code stands, if it is not transformers' own.
        random_weights: whether a family's tiny model would do.

    Raises:
        UsageError: there is none, and what has nearly its name; or a file of it is missing; or its code is not
            trusted.
        Refusal: `config.json` of its own code names code elsewhere.
    """
    path = Path(source)
    if remote is not None:
        check_trusted(find_remote_source(source, remote.source, remote.class_name, generated), remote.trusted)
    elif source in PACKAGED or path.suffix == ".gguf" and path.is_file():
        return
    elif path.is_dir():
        folder = read_checkpoint_folder(path)
        # A folder that brings its own code is told more, by who knows the model types of transformers.
        if (folder is None or not folder.has_own_code) and (missing := why_incomplete(path)):
            raise UsageError(missing)
    elif not names_a_family(source, generated):
        raise UsageError(no_such_model(source, families_in(generated) if random_weights else ()))


def refuse_random_weights(source: str, generated: Path) -> None:
    """See that `source` is a checkpoint and no family, whose tiny model has random weights.

    Raises:
        UsageError: it is a family.
    """
    if names_a_family(source, generated):
        raise UsageError(
            f"tiny-{source} is a model with random weights, which says nothing. Give a checkpoint: a model's folder, "
            "a GGUF file, or smollm2."
        )


def no_such_model(source: str, families: Iterable[str]) -> str:
    """What to say of a name that nothing has, with what has nearly that name.

    Args:
        families: those whose tiny models would do; none where weights must say something.
    """
    known = list(families)
    names = near(source, [*PACKAGED, *known])
    hint = f" Near names: {', '.join(names)}." if names else ""
    return (
        f"`{source}` is no folder with a config.json, no GGUF file, {'no generated family and ' if known else 'and '}"
        f"none of {', '.join(PACKAGED)}.{hint}\n"
        "Give the path of a model's folder (as save_pretrained writes it) or of its .gguf file"
        f"{', or the name of a generated family' if known else ''}."
    )


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights, or the index of them."""
    return (folder / SHARD_INDEX).is_file() or any(item for pattern in _WEIGHTS for item in folder.glob(pattern))


def why_incomplete(folder: Path) -> str:
    """What is missing, before transformers fails on it in its own words; nothing for a folder that is complete.

    Raises:
        UsageError: the index of its weights is damaged.
    """
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    index = folder / SHARD_INDEX
    if index.is_file():
        try:
            shards = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise UsageError(f"{index} is damaged: {error!r}. Copy the model's folder again.") from error
        missing += [shard for shard in shards if not (folder / shard).is_file()]
    elif not has_weights(folder):
        missing.append("model.safetensors")
    if not missing:
        return ""
    return f"{folder} lacks {', '.join(missing)}.\nCopy the model's folder again; nothing was exported from it."
