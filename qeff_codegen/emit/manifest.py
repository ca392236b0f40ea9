"""generated/manifest.json: what each generated file was made from, and what it was when it was written.

Versions and hashes stand here rather than in the generated files, so that a version bump touches only files whose
code changed. Keys are sorted and nothing depends on time or machine: the same models give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qeff_codegen.errors import UsageError
from qeff_codegen.generated_model import GeneratedModel, MappingEntry

FILE_NAME = "manifest.json"


@dataclass(frozen=True)
class ManifestEntry:
    """One model's record.

    Attributes:
        families: the model types whose models these classes are for.
        upstream_path, upstream_module: where the source stands, as the generated header names it.
        transformers_version: the release the source is from, or None for sources outside transformers.
        upstream_sha256: of the upstream file's text.
        generated_sha256: of the generated modeling file's text.
        rules_sha256: of everything that decided what was generated.
        black_version: the formatter that laid it out.
    """

    families: tuple[str, ...]
    upstream_path: str
    upstream_module: str
    transformers_version: str | None
    upstream_sha256: str
    generated_sha256: str
    rules_sha256: str
    black_version: str
    mappings: tuple[MappingEntry, ...]


@dataclass(frozen=True)
class Manifest:
    """All records of a folder.

    Attributes:
        models: the record of each model, by name.
        pytorch_transforms_sha256: of the mapping file's text, which holds the entries of all models; None when there
            is no mapping file yet.
    """

    models: Mapping[str, ManifestEntry]
    pytorch_transforms_sha256: str | None


def entry_for(model: GeneratedModel, rules_sha256: str) -> ManifestEntry:
    """The record of a freshly generated model."""
    return ManifestEntry(
        model.upstream.families or (model.name,),
        model.upstream.display_path,
        model.upstream.module,
        model.upstream.version,
        model.upstream.sha256,
        text_sha256(model.code),
        rules_sha256,
        version("black"),
        model.mappings,
    )


def package_of(family: str, folder: Path) -> str:
    """The package of `folder` that serves a model type, in either spelling; the name as given when none does.

    Raises:
        UsageError: the manifest is there and cannot be read.
    """
    plain = family.replace("-", "_")
    for name, entry in load(folder).models.items():
        if plain in (name, *(other.replace("-", "_") for other in entry.families)):
            return name
    return family


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return sha256(text.encode("utf-8")).hexdigest()


def render(manifest: Manifest) -> str:
    """The manifest's text."""
    return json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n"


def load(folder: Path) -> Manifest:
    """The manifest of `folder`; an empty one when the folder has none yet.

    Raises:
        UsageError: the manifest is there and cannot be read.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return Manifest({}, None)
    try:
        record = json.loads(path.read_text("utf-8"))
        models = {name: _entry(entry) for name, entry in record.pop("models").items()}
        return Manifest(models, **record)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{path} is not a manifest this version wrote: {error}\n"
            "Restore it from version control, or delete it and generate every model again with --force."
        ) from error


def _entry(record: dict[str, Any]) -> ManifestEntry:
    mappings = tuple(MappingEntry(**entry) for entry in record["mappings"])
    return ManifestEntry(**{**record, "families": tuple(record["families"]), "mappings": mappings})
