"""The mapping file, which holds the entries of all models: each entry that is missing or too many, by class."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from qeff_codegen.check.finding import Cause, Effect, Finding, Remedy
from qeff_codegen.check.mapping_lines import MappingLine, MappingText, entries_in, entries_of
from qeff_codegen.check.on_disk import LABELS, read, text_of
from qeff_codegen.checked_in import layout
from qeff_codegen.checked_in.manifest import Manifest, ManifestEntry
from qeff_codegen.errors import Refusal
from qeff_codegen.files.differences import differences


@dataclass(frozen=True)
class MappingFile:
    """The mapping file beside what the manifest records of it.

    Attributes:
        content: None when it is not there.
    """

    folder: Path
    record: Manifest
    content: bytes | None

    @property
    def path(self) -> Path:
        """Where it stands."""
        return self.folder / layout.MAPPING

    @property
    def is_as_written(self) -> bool:
        """Whether it holds what this tool last wrote there, by the manifest's hash."""
        return self.content is not None and sha256(self.content).hexdigest() == self.record.pytorch_transforms_sha256

    @property
    def remedy(self) -> Remedy:
        """What replaces it."""
        return Remedy.GENERATE if self.is_as_written else Remedy.OVERWRITE


def open_mapping(folder: Path, record: Manifest) -> MappingFile:
    """The mapping file of `folder`."""
    return MappingFile(folder, record, read(folder / layout.MAPPING))


def unrecorded_packages(file: MappingFile) -> tuple[str, ...]:
    """Models whose package and mapping entries are there, while the manifest has no record of them."""
    text = entries_in(text_of(file.content)) if file.content is not None else None
    names = {line.model(file.record.models) or "" for line in text.entries} if text is not None else set()
    return tuple(
        sorted(
            name
            for name in names - file.record.models.keys()
            if name and layout.modeling_path(file.folder, name).is_file()
        )
    )


def entry_findings(
    file: MappingFile, entries: Mapping[str, ManifestEntry], unrecorded: Collection[str]
) -> Iterator[Finding]:
    """Entries that are missing, wrong, or there without a model.

    Args:
        entries: the records that say which entries there are to be.
        unrecorded: models whose record is missing, which is one finding, not one for each of their entries.
    """
    text = entries_in(text_of(file.content)) if file.content is not None else None
    if text is None:
        return
    found: dict[tuple[str, object], MappingLine] = {}
    wanted = {line.key: (name, line) for name, entry in entries.items() for line in entries_of(name, entry)}
    for line in text.entries:
        model = line.model(entries)
        if line.key in found:
            yield _orphan(file, line, model, "a second time")
        elif line.key not in wanted and model not in unrecorded:
            yield _orphan(file, line, model, "and no model has that entry")
        found[line.key] = line
    for key, (name, line) in wanted.items():
        yield from _compared(file, text, name, line, found.get(key))


def _orphan(file: MappingFile, line: MappingLine, model: str | None, why: str) -> Finding:
    message = f"{line.transform} maps `{line.upstream.name}` to `{line.replacement.name}`, {why}"
    return Finding(Cause.ORPHAN, model, file.path, message, file.remedy, line.line)


def _compared(
    file: MappingFile, text: MappingText, model: str, wanted: MappingLine, found: MappingLine | None
) -> Iterator[Finding]:
    if found is None:
        message = f"{wanted.transform} does not map `{wanted.upstream.name}` to `{wanted.replacement.name}`"
        yield Finding(Cause.MISSING, model, file.path, message, file.remedy, text.starts.get(wanted.transform))
    elif found.replacement != wanted.replacement:
        ours = (
            (found.replacement.name, wanted.replacement.name)
            if found.replacement.name != wanted.replacement.name
            else (f"{found.replacement.module}.{found.replacement.name}", f"that of {wanted.replacement.module}")
        )
        message = f"{wanted.transform} maps `{wanted.upstream.name}` to `{ours[0]}`, where `{ours[1]}` belongs"
        yield Finding(Cause.EDITED, model, file.path, message, file.remedy, found.line)


def text_findings(
    file: MappingFile, entries: Mapping[str, ManifestEntry], causes: Collection[Cause]
) -> Iterator[Finding]:
    """What rendering the whole file again changes in it, beside its entries.

    Args:
        entries: the records to render, those of models that were generated again as they would be now.
        causes: why models were generated again; none when they were not.
    """
    if file.content is None:
        return
    # black comes along with it, which is not needed where hashes agree.
    from qeff_codegen.emit import mapping_file

    try:
        text = mapping_file.render(entries)
    except Refusal as refusal:
        cause = next(iter(causes), Cause.EDITED)
        message = f"cannot be made again\n{refusal}"
        yield Finding(cause, None, file.path, message, Remedy.GENERATE, effect=Effect.REFUSED)
        return
    diff = tuple(differences(text_of(file.content), text, LABELS, context=3))
    if not diff and not file.is_as_written:
        message = f"its pytorch_transforms_sha256 is not that of {layout.MAPPING}, which holds what generating gives"
        yield Finding(Cause.EDITED, None, file.folder / layout.MANIFEST, message, Remedy.GENERATE, effect=Effect.EQUAL)
    elif diff and not file.is_as_written:
        message = "is not what was written there"
        yield Finding(Cause.EDITED, None, file.path, message, Remedy.OVERWRITE, effect=Effect.DIFFERENT, diff=diff)
    elif diff:
        for cause in causes:
            message = "is not what generating gives"
            yield Finding(cause, None, file.path, message, Remedy.GENERATE, effect=Effect.DIFFERENT, diff=diff)
            diff = ()
