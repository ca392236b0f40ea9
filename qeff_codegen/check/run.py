"""`check`: hashes first, then the generator for what they leave in doubt, and what that comes to."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qeff_codegen.check.doubts import Doubt, doubts
from qeff_codegen.check.finding import Cause, Finding, Remedy, Report
from qeff_codegen.check.mapping import entry_findings, open_mapping, text_findings, unrecorded_packages
from qeff_codegen.check.mend import mending
from qeff_codegen.check.on_disk import BYTECODE, LABELS, in_folder, in_package, read
from qeff_codegen.check.sources import NotCompared, Sources, is_of_transformers
from qeff_codegen.check.spared import RuleChanges
from qeff_codegen.checked_in import layout, manifest
from qeff_codegen.checked_in.manifest import Manifest, ManifestEntry, rules_as_written
from qeff_codegen.checked_in.tools import tools_here
from qeff_codegen.errors import UsageError
from qeff_codegen.files.differences import differences

if TYPE_CHECKING:
    from qeff_codegen.check.judge import Judged
    from qeff_codegen.check.regenerate import Generate

# Why generating may give other bytes than are recorded: what is in play for the mapping file too.
GENERATOR_CHANGED = (Cause.UPSTREAM, Cause.RULES, Cause.FORMATTER)


def check(folder: Path, names: Sequence[str], generate: Generate | None = None) -> Report:
    """Whether `folder` is what regenerating would give.

    Args:
        names: the models to look at, by the name of a family or package; none for all, and the folder as a whole.
        generate: generates models, in the order given, where hashes leave a doubt; it may show how far it is.

    Raises:
        UsageError: there is no generated folder, its manifest cannot be read, or it does not know a name.
    """
    record = _manifest_of(folder)
    if record is None:
        return _without_manifest(folder)
    mapping = open_mapping(folder, record)
    unrecorded = unrecorded_packages(mapping)
    chosen = _chosen(folder, names, record)
    sources, tools = Sources(), tools_here()
    changes = RuleChanges(record, tools)
    upstream = {name: sources.now(record.models[name]) for name in chosen if name in record.models}
    in_doubt: dict[str, tuple[Doubt, ...]] = {
        name: found
        for name, now in upstream.items()
        if (found := tuple(doubts(folder, name, record.models[name], tools, now, changes.of(name))))
    }
    findings = [finding for name in upstream for finding in in_package(folder, name)]
    findings += in_folder(folder, {*record.models, *unrecorded})
    findings += _layout_of_manifest(folder)
    findings += _rules_of_manifest(folder, record)
    findings += [_unrecorded(folder, name) for name in unrecorded]
    spared = changes.spared(folder, in_doubt)
    left = {name: found for name, found in in_doubt.items() if name not in spared}
    judged = spared | (_judged(folder, record, left, sources, tools.rules_sha256, generate) if left else {})
    findings += [finding for item in judged.values() for finding in item.findings]
    fresh = {name: item.entry for name, item in judged.items() if item.entry is not None}
    # A record in doubt says nothing about the entries there are to be; what generating gives does.
    instead = {
        name: fresh[name] for name in fresh if any(item.path.name == layout.MANIFEST for item in in_doubt[name])
    }
    findings += entry_findings(mapping, {**record.models, **instead}, unrecorded)
    causes = [cause for cause in GENERATOR_CHANGED if any(cause is item.cause for item in _all(in_doubt.values()))]
    if not names and (causes or not mapping.is_as_written):
        findings += text_findings(mapping, {**record.models, **fresh}, causes)
    if names:
        findings = [item for item in findings if _concerns(item, chosen)]
    findings.sort(key=lambda item: item.model or "~")
    return Report(
        folder,
        tuple(chosen),
        tuple(findings),
        {name: now.why for name, now in upstream.items() if isinstance(now, NotCompared)},
        tuple(_other_release(record, chosen, sources)),
        mending(findings, record.models, folder, sources),
    )


def _judged(
    folder: Path,
    record: Manifest,
    in_doubt: Mapping[str, tuple[Doubt, ...]],
    sources: Sources,
    rules_sha256: str,
    generate: Generate | None,
) -> dict[str, Judged]:
    # The engine brings black and every rule along, which is not needed where hashes agree.
    from qeff_codegen.check.judge import judge
    from qeff_codegen.check.regenerate import generate_again, regenerate

    outcomes = regenerate({name: record.models[name] for name in in_doubt}, sources, generate or generate_again)
    return {
        name: judge(folder, name, record.models[name], found, outcomes[name], rules_sha256)
        for name, found in in_doubt.items()
    }


def _manifest_of(folder: Path) -> Manifest | None:
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder.absolute()}, so there is nothing to check.\n"
            "Generate a model first, or name the folder with --generated; "
            f"what came with this tool is in {layout.INSTALLED}."
        )
    if (folder / layout.MANIFEST).is_file():
        return manifest.load(folder)
    if not any(layout.modeling_path(folder, path.name).is_file() for path in folder.iterdir()):
        raise UsageError(
            f"{folder} holds no {layout.MANIFEST} and no generated model, so there is nothing to check.\n"
            "Generate a model first, or name another folder with --generated."
        )
    return None


def _without_manifest(folder: Path) -> Report:
    names = sorted(path.name for path in folder.iterdir() if layout.modeling_path(folder, path.name).is_file())
    message = f"is not there, so nothing is known of {', '.join(names)}"
    finding = Finding(Cause.MISSING, None, folder / layout.MANIFEST, message, Remedy.OVERWRITE)
    findings = [finding, *(_unrecorded(folder, name) for name in names)]
    return Report(folder, (), (finding,), {}, (), mending(findings, {}, folder, Sources()))


def _chosen(folder: Path, names: Sequence[str], record: Manifest) -> list[str]:
    """The packages to look at.

    Raises:
        UsageError: a name is none that the manifest or the folder has.
    """
    folders = {path.name for path in folder.iterdir() if path.is_dir()} - {BYTECODE}
    chosen: list[str] = []
    for name in names:
        package = manifest.package_among(name, record)
        if package not in record.models and package not in folders:
            near = difflib.get_close_matches(name, record.models, n=4)
            hint = f"Near names: {', '.join(near)}." if near else f"It has {len(record.models)} models."
            raise UsageError(
                f"{folder / layout.MANIFEST} has no model `{name}`. {hint}\n"
                f"To generate it: python -m qeff_codegen {name}"
            )
        chosen.append(package)
    return list(dict.fromkeys(chosen)) if names else list(record.models)


def _layout_of_manifest(folder: Path) -> Iterator[Finding]:
    path = folder / layout.MANIFEST
    text = (read(path) or b"").decode("utf-8")
    diff = tuple(differences(text, manifest.laid_out(json.loads(text)), LABELS, context=0))
    if diff:
        yield Finding(Cause.EDITED, None, path, "is not laid out as it was written", Remedy.GENERATE, diff=diff)


def _rules_of_manifest(folder: Path, record: Manifest) -> Iterator[Finding]:
    if record.rules is not None and not rules_as_written(record.rules):
        message = "what it says of rules is not what was written there"
        yield Finding(Cause.EDITED, None, folder / layout.MANIFEST, message, Remedy.GENERATE)


def _unrecorded(folder: Path, name: str) -> Finding:
    message = f"has no entry of {name}, whose package is there"
    return Finding(Cause.MISSING, name, folder / layout.MANIFEST, message, Remedy.GENERATE)


def _concerns(item: Finding, chosen: Sequence[str]) -> bool:
    """Whether a finding is about one of the models, or about what all of them need."""
    if item.model is None:
        return item.path.name in chosen or item.cause is Cause.MISSING
    return item.model in chosen


def _all(groups: Iterable[Iterable[Doubt]]) -> Iterator[Doubt]:
    for group in groups:
        yield from group


def _other_release(record: Manifest, chosen: Sequence[str], sources: Sources) -> Iterator[str]:
    """A line when the installed transformers is another than the models are from."""
    installed = sources.installed.version if sources.installed is not None else None
    entries: list[ManifestEntry] = [record.models[name] for name in chosen if name in record.models]
    others = {entry.transformers_version for entry in entries if is_of_transformers(entry)} - {installed}
    if installed is not None and others:
        yield (
            f"transformers {installed} is installed, and models are from {', '.join(sorted(filter(None, others)))}: "
            f"python -m qeff_codegen bump {installed} says what that would change"
        )
