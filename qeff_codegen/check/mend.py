"""The one command that mends everything that was found."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from qeff_codegen.check.finding import Cause, Effect, Finding, Remedy
from qeff_codegen.check.sources import Sources, is_bundled, is_of_transformers
from qeff_codegen.checked_in import layout
from qeff_codegen.checked_in.manifest import ManifestEntry

COMMAND = "python -m qeff_codegen generate"
# For a source that is recorded nowhere.
LOOSE = " --source PATH"


def mending(findings: Sequence[Finding], entries: Mapping[str, ManifestEntry], folder: Path, sources: Sources) -> str:
    """Commands joined by `&&`: delete what nobody manages, then generate what differs, from the release recorded.

    What is refused is left out: no command mends it.
    """
    deleted = list(dict.fromkeys(str(item.path) for item in findings if item.remedy is Remedy.DELETE))
    commands = [f"rm -r {shlex.join(deleted)}"] if deleted else []
    refused = {item.model for item in findings if item.effect is Effect.REFUSED and item.model is not None}
    wanted = [item for item in findings if item.cause is not Cause.ORPHAN or item.remedy is not Remedy.DELETE]
    wanted = [item for item in wanted if item.model not in refused]
    names = {item.model for item in wanted if item.model is not None}
    forgotten = str(folder / layout.MANIFEST) in deleted
    if forgotten:
        names |= entries.keys() - refused
    elif wanted and not names:
        # The mapping file and the manifest are written whenever a model is.
        names = {name for name in entries if name not in refused and not _is_loose(entries[name])}
        names = set(sorted(names)[:1])
    force = " --force" if forgotten or any(item.remedy is Remedy.OVERWRITE for item in wanted) else ""
    output = "" if folder == Path("generated") else f" --output {shlex.quote(str(folder))}"
    for source, group in _by_source(names, entries, sources).items():
        everything = len(group) > 1 and set(group) == entries.keys() and not forgotten
        commands.append(f"{COMMAND} {'--all' if everything else ' '.join(group)}{source}{output}{force}")
    return " && ".join(commands)


def _by_source(names: set[str], entries: Mapping[str, ManifestEntry], sources: Sources) -> dict[str, list[str]]:
    """The names by the option that their source needs; the bundled example goes with any release."""
    groups: dict[str, list[str]] = {}
    bundled = {name for name in names if name in entries and is_bundled(entries[name])}
    for name in sorted(names - bundled):
        groups.setdefault(_source(entries.get(name), sources), []).append(name)
    if bundled:
        first = next((source for source in groups if source != LOOSE), "")
        groups[first] = sorted([*groups.get(first, []), *bundled])
    return groups


def _source(entry: ManifestEntry | None, sources: Sources) -> str:
    """The option that names the release or file a model was generated from, where it is needed."""
    if entry is None:
        return ""
    if _is_loose(entry):
        return LOOSE
    version = entry.transformers_version or ""
    return "" if sources.is_installed(version) else f" --transformers {shlex.quote(version)}"


def _is_loose(entry: ManifestEntry) -> bool:
    return not is_bundled(entry) and not is_of_transformers(entry)
