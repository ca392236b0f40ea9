"""generated/manifest.json: what each generated file was made from, and what it was when it was written.

Versions and hashes stand here rather than in the generated files, so that a version bump touches only files whose
code changed. Keys are sorted and nothing depends on time or machine: the same models give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qeff_codegen.checked_in import layout
from qeff_codegen.errors import UsageError
from qeff_codegen.generated_model import CAUSAL_LM, GeneratedModel, MappingEntry


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
        causal_lm: of a model whose file is not one of transformers, its causal LM with the module that it is in; None
            for all others, and then not written.
        entry_sha256: of this record's other fields, so that one edited by hand is told from one that was written; None
            in a record that an older version wrote.
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
    causal_lm: str | None = None
    entry_sha256: str | None = None

    @property
    def is_by_name(self) -> bool:
        """Whether upstream's file is in no package, so that its classes are known to generated code by their names."""
        return self.causal_lm is not None and "." not in self.upstream_module

    def module_of(self, mapping: MappingEntry) -> str:
        """The module that the upstream class of an entry is in."""
        return mapping.upstream_module or self.upstream_module


@dataclass(frozen=True)
class Manifest:
    """All records of a folder.

    Attributes:
        models: the record of each model, by name.
        pytorch_transforms_sha256: of the mapping file's text, which holds the entries of all models; None when there
            is no mapping file yet.
        rules: what `rules_record` writes of the rules; None, and then not written, where that is not known.
    """

    models: Mapping[str, ManifestEntry]
    pytorch_transforms_sha256: str | None
    rules: Mapping[str, Any] | None = None


def entry_for(model: GeneratedModel, rules_sha256: str) -> ManifestEntry:
    """The record of a freshly generated model."""
    entry = ManifestEntry(
        model.upstream.families or (model.name,),
        model.upstream.display_path,
        model.upstream.module,
        model.upstream.version,
        model.upstream.sha256,
        text_sha256(model.code),
        rules_sha256,
        version("black"),
        model.mappings,
        causal_lm_of(model),
    )
    return replace(entry, entry_sha256=entry_sha256(model.name, entry))


def causal_lm_of(model: GeneratedModel) -> str | None:
    """The causal LM of a model that is not in transformers, with the module that it is in."""
    upstream = model.upstream
    known = bool(upstream.families) or upstream.module.startswith("transformers.")
    names = [] if known else [role.name for role in model.roles if role.role == CAUSAL_LM]
    return f"{upstream.module}.{names[0]}" if names else None


def named(module: str, cls: str) -> str:
    """A class as `auto_map` of a checkpoint's `config.json` names it: the module without the packages it is in."""
    return f"{module.rpartition('.')[2]}.{cls}"


def entry_sha256(name: str, entry: ManifestEntry) -> str:
    """SHA-256 of all that a record of model `name` says but this hash."""
    fields = _fields(replace(entry, entry_sha256=None))
    return text_sha256(json.dumps([name, fields], sort_keys=True))


def is_as_written(name: str, entry: ManifestEntry) -> bool:
    """Whether the record of `name` says what this tool wrote into it, and all that it writes into one today."""
    return entry.entry_sha256 == entry_sha256(name, entry)


def record_sha256(rules: Mapping[str, Any]) -> str:
    """SHA-256 of all that the record of rules says but this hash."""
    fields = {name: value for name, value in rules.items() if name != "record_sha256"}
    return text_sha256(json.dumps(fields, sort_keys=True))


def rules_as_written(rules: Mapping[str, Any]) -> bool:
    """Whether the record of rules says what this tool wrote into it."""
    return rules.get("record_sha256") == record_sha256(rules)


def package_of(family: str, folder: Path) -> str:
    """The package of `folder` that serves a model type, in either spelling; the name as given when none does.

    Raises:
        UsageError: the manifest is there and cannot be read.
    """
    return package_among(family, load(folder))


def package_among(family: str, manifest: Manifest) -> str:
    """The package of `manifest` that serves a model type, in either spelling; the name as given when none does."""
    plain = family.replace("-", "_")
    for name, entry in manifest.models.items():
        if plain in (name, *(other.replace("-", "_") for other in entry.families)):
            return name
    return family


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return sha256(text.encode("utf-8")).hexdigest()


def render(manifest: Manifest) -> str:
    """The manifest's text."""
    models = {name: _fields(entry) for name, entry in manifest.models.items()}
    document = {"models": models, "pytorch_transforms_sha256": manifest.pytorch_transforms_sha256}
    return laid_out(document if manifest.rules is None else {**document, "rules": manifest.rules})


def _fields(entry: ManifestEntry) -> dict[str, Any]:
    """What is written of a record."""
    fields = asdict(entry)
    if entry.causal_lm is None:
        del fields["causal_lm"]
    for mapping in fields["mappings"]:
        if mapping["upstream_module"] is None:
            del mapping["upstream_module"]
    return fields


def laid_out(record: Any) -> str:
    """A JSON document as manifests are written: one value a line, keys sorted."""
    return json.dumps(record, indent=2, sort_keys=True) + "\n"


def load(folder: Path) -> Manifest:
    """The manifest of `folder`; an empty one when the folder has none yet.

    Raises:
        UsageError: the manifest is there and cannot be read.
    """
    path = folder / layout.MANIFEST
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
    for field, value in record.items():
        if field not in ("families", "mappings") and not isinstance(value, str | None):
            raise ValueError(f"`{field}` is {value!r}, which is no text")
    mappings = tuple(MappingEntry(**entry) for entry in record["mappings"])
    if "libcst_version" in record:
        # An older version wrote it, and its hash is of that too. LibCST decides no byte of what is generated.
        record = {key: value for key, value in record.items() if key not in ("libcst_version", "entry_sha256")}
    return ManifestEntry(**{**record, "families": tuple(record["families"]), "mappings": mappings})
