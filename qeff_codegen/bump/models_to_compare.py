"""The models that are checked in, each held against the manifest: what a bump compares with must be what was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qeff_codegen.bump.comparison import CheckedIn
from qeff_codegen.checked_in import layout, manifest
from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.checked_in.manifest import ManifestEntry, is_as_written
from qeff_codegen.errors import DifferencesError, UsageError
from qeff_codegen.upstream.transformers_text import TransformersText

FindRelease = Callable[[str], TransformersText]


def checked_in_models(generated: Path, release: FindRelease) -> tuple[CheckedIn, ...]:
    """Every model of `generated` that comes from a transformers release, by name.

    Args:
        release: gives the text of a release.

    Raises:
        UsageError: there is no such model.
        DifferencesError: a file, or a source, is not the one the manifest was written for.
    """
    entries = manifest.load(generated).models.items()
    found = [(name, entry, entry.transformers_version) for name, entry in entries]
    versions = {version: release(version) for version in sorted({version for *_, version in found if version})}
    wrong: list[str] = []
    models: list[CheckedIn] = []
    for name, entry, version in sorted(found):
        if version is None:
            continue  # Made from a source outside transformers, which no release changes.
        code, source = _code(generated, name), _source(versions[version], entry)
        if entry.entry_sha256 is not None and not is_as_written(name, entry):
            wrong.append(f"the entry of {name} in {generated / layout.MANIFEST} was edited by hand")
        elif code is None or manifest.text_sha256(code) != entry.generated_sha256:
            wrong.append(f"{modeling_path(generated, name)} is not what was generated")
        elif source is None or manifest.text_sha256(source) != entry.upstream_sha256:
            wrong.append(f"{entry.upstream_path} of transformers {version} is not what {name} was generated from")
        else:
            models.append(CheckedIn(name, entry, version, source, code))
    if wrong:
        raise DifferencesError(
            "A bump compares with what is checked in, and that is not what the manifest says:\n"
            + "".join(f"  {line}\n" for line in wrong)
            + "`python -m qeff_codegen check` says what happened, and how to mend it."
        )
    if not models:
        raise UsageError(
            f"{generated} has no model from a transformers release, so there is nothing to bump.\n"
            "Run this in the project's folder, or generate models first."
        )
    return tuple(models)


def _code(generated: Path, name: str) -> str | None:
    try:
        return modeling_path(generated, name).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _source(tree: TransformersText, entry: ManifestEntry) -> str | None:
    try:
        return (tree.root / entry.upstream_path.removeprefix("transformers/")).read_text("utf-8")
    except (OSError, KeyError):
        return None
