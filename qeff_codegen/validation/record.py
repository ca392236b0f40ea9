"""What `validate` found, kept until the source, the generated code or what runs it changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from qeff_codegen.checked_in import manifest
from qeff_codegen.checked_in.layout import MAPPING as MAPPING_FILE
from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.files.whole_file import write_whole
from qeff_codegen.generated_model import GeneratedModel, MappingEntry
from qeff_codegen.own_code import own_code_sha256
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.validation.results import ScenarioResult

RECORDS = Path("build/validation")


@dataclass(frozen=True)
class ValidationRecord:
    """One family's scenarios, and what they were run with.

    Attributes:
        transformers: the release whose model was the reference.
        upstream_sha256: of its modeling file's text.
        generated_sha256: of the generated modeling file's text.
        mappings: the entries by which generated classes took the place of upstream's.
        tool_sha256: of our code that runs and compares.
    """

    family: str
    transformers: str
    upstream_sha256: str
    generated_sha256: str
    mappings: tuple[MappingEntry, ...]
    tool_sha256: str
    results: tuple[ScenarioResult, ...]

    @property
    def equal(self) -> bool:
        """Something ran, and Stages 1 to 3 were equal in all of it."""
        return bool(self.results) and all(result.equal for result in self.results)

    @property
    def passed(self) -> bool:
        """Something ran, and all of it passed: what `validate` ends with 0 for."""
        return bool(self.results) and all(result.passed for result in self.results)

    def is_of(self, model: GeneratedModel) -> bool:
        """Whether it was this code that ran, against this source, by the validation as it is now."""
        proved = (self.upstream_sha256, self.generated_sha256, self.mappings, self.tool_sha256)
        return proved == (model.upstream.sha256, manifest.text_sha256(model.code), model.mappings, tool_sha256())


def keep_records(
    results: Iterable[ScenarioResult], generated: Path, folder: Path, upstream: UpstreamModel | None = None
) -> None:
    """Write one file for each family into `folder`.

    `upstream` is the source of the one family, where that is not in transformers.

    Nothing is kept of generated code that is not as it was written: nobody could tell later what was run.

    Raises:
        OSError: the folder cannot be written to.
    """
    families: dict[str, list[ScenarioResult]] = {}
    for result in results:
        families.setdefault(result.model, []).append(result)
    for family, found in families.items():
        record = _record(family, found, generated, upstream)
        if record is not None:
            write_whole(_path(folder, family), json.dumps(asdict(record), indent=1) + "\n")


def load_records(model: GeneratedModel, folder: Path) -> tuple[ValidationRecord, ...]:
    """What is known of the families that a generated model serves; records that are out of date are left out."""
    found = [_load(_path(folder, family)) for family in model.upstream.families or (model.name,)]
    return tuple(record for record in found if record is not None and record.is_of(model))


def tool_sha256() -> str:
    """Hash of our code that runs generated code and compares it."""
    return own_code_sha256(
        "checked_in", "decoding", "deploy", "export", "preflight", "runtime", "tiny_models", "validation"
    )


def _record(
    family: str, results: Sequence[ScenarioResult], generated: Path, upstream: UpstreamModel | None
) -> ValidationRecord | None:
    package = manifest.package_of(family, generated)
    written = manifest.load(generated)
    entry = written.models.get(package)
    if entry is None or _sha256(modeling_path(generated, package)) != entry.generated_sha256:
        return None
    if _sha256(generated / MAPPING_FILE) != written.pytorch_transforms_sha256:
        return None
    upstream = upstream or find_model(family)
    return ValidationRecord(
        family,
        version("transformers"),
        upstream.sha256,
        entry.generated_sha256,
        entry.mappings,
        tool_sha256(),
        tuple(results),
    )


def _load(path: Path) -> ValidationRecord | None:
    try:
        record = json.loads(path.read_text("utf-8"))
        mappings = tuple(MappingEntry(**entry) for entry in record.pop("mappings"))
        results = tuple(ScenarioResult.from_json(result) for result in record.pop("results"))
        return ValidationRecord(mappings=mappings, results=results, **record)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # A record that cannot be read proves nothing, as one that is not there.
        return None


def _sha256(path: Path) -> str:
    return manifest.text_sha256(path.read_text("utf-8"))


def _path(folder: Path, family: str) -> Path:
    return folder / f"{family.replace('-', '_')}.json"
