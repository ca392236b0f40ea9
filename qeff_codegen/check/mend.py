"""The one command that mends everything that was found."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from qeff_codegen.check.finding import Effect, Finding, Remedy
from qeff_codegen.check.sources import Sources, is_bundled, is_of_transformers
from qeff_codegen.emit.manifest import ManifestEntry

COMMAND = "python -m qeff_codegen generate"


def mending(findings: Sequence[Finding], entries: Mapping[str, ManifestEntry], folder: Path, sources: Sources) -> str:
    """Commands joined by `&&`: delete what nobody manages, then generate what differs, from the release recorded.

    What is refused is left out: no command mends it.
    """
    deleted = list(dict.fromkeys(str(item.path) for item in findings if item.remedy is Remedy.DELETE))
    commands = [f"rm -r {shlex.join(deleted)}"] if deleted else []
    refused = {item.model for item in findings if item.effect is Effect.REFUSED}
    wanted = [item for item in findings if not _is_orphan_file(item) and item.model not in refused - {None}]
    # The mapping file and the manifest are written whenever a model is.
    names = {item.model for item in wanted if item.model is not None} or {
        name for name in list(entries)[:1] if wanted and name not in refused
    }
    by_source: dict[str, list[str]] = {}
    for name in sorted(names):
        by_source.setdefault(_source(entries.get(name), sources), []).append(name)
    if len(by_source) > 1:
        # The example comes with this package, whatever release the others are read from.
        bundled = [name for name in by_source.get("", []) if name in entries and is_bundled(entries[name])]
        first = next(source for source in by_source if source)
        if bundled and bundled == by_source[""]:
            by_source[first] = sorted([*by_source[first], *by_source.pop("")])
    force = " --force" if any(item.remedy is Remedy.OVERWRITE for item in wanted) else ""
    output = "" if folder == Path("generated") else f" --output {shlex.quote(str(folder))}"
    for source, group in by_source.items():
        everything = len(group) > 1 and set(group) == entries.keys()
        commands.append(f"{COMMAND} {'--all' if everything else ' '.join(group)}{source}{output}{force}")
    return " && ".join(commands)


def _is_orphan_file(item: Finding) -> bool:
    return item.remedy is Remedy.DELETE and item.model is None


def _source(entry: ManifestEntry | None, sources: Sources) -> str:
    """The option that names the release or file a model was generated from, where it is needed."""
    if entry is None or is_bundled(entry):
        return ""
    if not is_of_transformers(entry):
        return " --source PATH"
    version = entry.transformers_version or ""
    return "" if sources.is_installed(version) else f" --transformers {shlex.quote(version)}"
