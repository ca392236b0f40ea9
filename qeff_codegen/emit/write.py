"""Write generated models: everything is checked before the first byte, and every file appears whole or not at all."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.emit import manifest, mapping_file
from qeff_codegen.errors import DifferencesError, UsageError
from qeff_codegen.generated_model import GeneratedModel

SHOWN_LINES = 20


@dataclass(frozen=True)
class WriteReport:
    """Which files changed on disk and which already held the right bytes."""

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]


def write_models(models: Sequence[GeneratedModel], output: Path, *, force: bool, rules_sha256: str) -> WriteReport:
    """Write the models' packages, the mapping file and the manifest below `output`.

    Args:
        force: overwrite files that were edited by hand.
        rules_sha256: hash of the rules that generated `models`, for the manifest.

    Raises:
        DifferencesError: a file was edited by hand and `force` is not given; it is left as it is.
        UsageError: the folder cannot be written to.
        Refusal: two models cannot share one mapping file.
    """
    known = manifest.load(output)
    if not force:
        for model in models:
            _check_not_edited(model, output, known.get(model.name))
        _check_mapping_not_edited(output, known)
    entries = {**known, **{model.name: manifest.entry_for(model, rules_sha256) for model in models}}
    texts: dict[Path, str] = {}
    if not (output / "__init__.py").exists():
        texts[output / "__init__.py"] = '"""Generated QEff models. Every file below is written by qeff_codegen."""\n'
    for model in models:
        package = output / model.name
        texts[package / "__init__.py"] = ""
        texts[_modeling_path(output, model.name)] = model.code
    texts[output / mapping_file.FILE_NAME] = mapping_file.render(entries)
    texts[output / manifest.FILE_NAME] = manifest.render(entries)
    changed = {path: text for path, text in texts.items() if _text(path) != text}
    _write_all(changed)
    return WriteReport(tuple(changed), tuple(path for path in texts if path not in changed))


def _modeling_path(output: Path, name: str) -> Path:
    return output / name / f"modeling_{name}.py"


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _check_not_edited(model: GeneratedModel, output: Path, entry: manifest.ManifestEntry | None) -> None:
    path = _modeling_path(output, model.name)
    text = _text(path)
    if text is None or text == model.code:
        return
    if entry is not None and manifest.text_sha256(text) == entry.generated_sha256:
        return
    reason = "was edited by hand" if entry is not None else "is not in the manifest, so it was not generated"
    raise DifferencesError(f"{path} {reason}; it is left as it is.\n{_differences(model.code, text)}\n{_mend(path)}")


def _check_mapping_not_edited(output: Path, known: Mapping[str, manifest.ManifestEntry]) -> None:
    path = output / mapping_file.FILE_NAME
    text = _text(path)
    expected = mapping_file.render(known) if text is not None else None
    if text is not None and expected is not None and text != expected:
        raise DifferencesError(
            f"{path} does not hold what the manifest says; it is left as it is.\n"
            f"{_differences(expected, text)}\n{_mend(path)}"
        )


def _mend(path: Path) -> str:
    return f"Put the change into a rule, or give --force to overwrite {path}."


def _differences(generated: str, found: str) -> str:
    """The lines in which the file on disk differs from the generated text, as a diff, the first of them."""
    lines = list(
        difflib.unified_diff(generated.splitlines(), found.splitlines(), "generated", "on disk", lineterm="", n=0)
    )
    more = len(lines) - SHOWN_LINES
    return "\n".join([*lines[:SHOWN_LINES], *([f"... and {more} more lines"] if more > 0 else [])])


def _write_all(texts: Mapping[Path, str]) -> None:
    """Write every text to a temporary file beside its place, then rename them all."""
    waiting: list[tuple[str, Path]] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            waiting.append((temporary, path))
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
        while waiting:
            temporary, path = waiting[0]
            os.replace(temporary, path)
            waiting.pop(0)
    except OSError as error:
        raise UsageError(
            f"{error.filename or 'The output folder'} cannot be written: {error.strerror}.\n"
            "Nothing half-written is left. Choose another folder with --output, or make this one writable."
        ) from error
    finally:
        for temporary, _ in waiting:
            Path(temporary).unlink(missing_ok=True)
