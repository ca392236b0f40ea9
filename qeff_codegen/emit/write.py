"""Write generated models: everything is checked before the first byte, and all files change or none."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from qeff_codegen.checked_in import layout, manifest, rules_record
from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.checked_in.manifest import Manifest, ManifestEntry
from qeff_codegen.emit import mapping_file
from qeff_codegen.errors import DifferencesError, UsageError
from qeff_codegen.files.all_or_nothing import change_files
from qeff_codegen.files.differences import LABELS, differences
from qeff_codegen.generated_model import GeneratedModel

SHOWN_LINES = 20


@dataclass(frozen=True)
class WriteReport:
    """What a run did to the output folder.

    Attributes:
        written: files that are new or have changed.
        unchanged: files that already held the right bytes and were not touched.
        dropped: models that were to be removed, or whose modeling file was deleted; they have left the manifest and
            the mapping.
    """

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    """A file to be written, and what is known of its last version.

    Attributes:
        recorded: the SHA-256 of the text this tool last wrote there, if it did.
    """

    path: Path
    text: str
    recorded: str | None


def write_models(
    models: Sequence[GeneratedModel],
    output: Path,
    *,
    force: bool,
    rules_sha256: str,
    dropped: Collection[str] = (),
    beside: Mapping[Path, str] = MappingProxyType({}),
) -> WriteReport:
    """Write the models' packages, the mapping file and the manifest below `output`, all of it or nothing.

    Args:
        force: overwrite files that were edited by hand.
        rules_sha256: hash of the rules that generated `models`, for the manifest.
        dropped: models that are to be removed.
        beside: texts of other files that must change with these.

    Raises:
        DifferencesError: a file was edited by hand and `force` is not given; it is left as it is.
        UsageError: the folder cannot be written to.
        Refusal: two models cannot share one mapping file.
    """
    before = manifest.load(output)
    known = {name: entry for name, entry in before.models.items() if name not in dropped}
    kept = {name: entry for name, entry in known.items() if modeling_path(output, name).is_file()}
    entries = {**kept, **{model.name: manifest.entry_for(model, rules_sha256) for model in models}}
    mapping = mapping_file.render(entries)
    files = [
        *(file for model in models for file in _model_files(model, output, before.models.get(model.name))),
        _File(output / layout.MAPPING, mapping, before.pytorch_transforms_sha256),
    ]
    if not force:
        _check_not_edited(files)
    initializer = output / layout.INITIALIZER
    texts = {} if initializer.exists() else {initializer: layout.INITIALIZER_TEXT}
    texts.update((file.path, file.text) for file in files)
    rules = rules_record.recorded(before.rules, models, entries.keys(), rules_sha256)
    texts[output / layout.MANIFEST] = manifest.render(Manifest(entries, manifest.text_sha256(mapping), rules))
    texts.update(beside)
    changed = {path: text for path, text in texts.items() if _text(path) != text}
    gone = sorted(before.models.keys() - entries.keys())
    folders = {name: modeling_path(output, name).parent for name in gone if name in dropped}
    _change_all(changed, [file for name in folders for file in _files_of(output, name) if file.is_file()])
    for folder in folders.values():
        _remove_folder(folder)
    return WriteReport(tuple(changed), tuple(path for path in texts if path not in changed), tuple(gone))


def _files_of(output: Path, name: str) -> tuple[Path, Path]:
    return layout.package_initializer(output, name), modeling_path(output, name)


def _model_files(model: GeneratedModel, output: Path, entry: ManifestEntry | None) -> tuple[_File, _File]:
    initializer, modeling = _files_of(output, model.name)
    return (
        _File(initializer, "", manifest.text_sha256("")),
        _File(modeling, model.code, entry.generated_sha256 if entry else None),
    )


def _text(path: Path) -> str | None:
    """The text of a file, line endings as they are; None when there is no file."""
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.\nMove it away, or choose another --output.") from error


def _check_not_edited(files: Sequence[_File]) -> None:
    """A file on disk must hold what is about to be written or what was last written."""
    edited: dict[Path, str] = {}
    for file in files:
        found = _text(file.path)
        if found is None or found == file.text or manifest.text_sha256(found) == file.recorded:
            continue
        reason = "was edited by hand" if file.recorded else "is not in the manifest, so it was not generated"
        edited[file.path] = f"{file.path} {reason}; it is left as it is.\n{_differences(file.text, found)}\n"
    if edited:
        paths = ", ".join(map(str, edited))
        raise DifferencesError(
            "".join(edited.values()) + f"Put the change into a rule, or give --force to overwrite {paths}."
        )


def _differences(generated: str, found: str) -> str:
    """What overwriting the file on disk would do, as a diff, the first lines of it."""
    lines = differences(found, generated, LABELS, context=0)
    more = len(lines) - SHOWN_LINES
    return "\n".join([*lines[:SHOWN_LINES], *([f"... and {more} more lines"] if more > 0 else [])])


def _change_all(texts: Mapping[Path, str], removed: Collection[Path]) -> None:
    try:
        change_files(texts, removed)
    except OSError as error:
        raise UsageError(
            f"{error.filename or 'The output folder'} cannot be written: {error.strerror}.\n"
            "Nothing is changed. Choose another folder with --output, or make this one writable."
        ) from error


def _remove_folder(folder: Path) -> None:
    """Remove the folder of a model that is gone, unless it holds something that was not generated."""
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()
