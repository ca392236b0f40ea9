"""The whole of `report`: reads what is checked in, has every package shown, and writes all files or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qeff_codegen.checked_in import manifest
from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.coverage.known import Known
from qeff_codegen.coverage.page import JSON as COVERAGE
from qeff_codegen.coverage.swept import TASKS, TEXT, read_coverage
from qeff_codegen.errors import DifferencesError, Refusal, UsageError
from qeff_codegen.files.all_or_nothing import change_files
from qeff_codegen.generate.many_models import generate_models
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.releases.survey_page import JSON as RELEASES
from qeff_codegen.releases.table import load_table
from qeff_codegen.review.facts import review_of
from qeff_codegen.site.family import families
from qeff_codegen.site.missing import ideas
from qeff_codegen.site.package import package_of
from qeff_codegen.site.pages import GENERATOR, Site
from qeff_codegen.site.release_map import release_map
from qeff_codegen.upstream.find import find_model

# Folders of the site in which pages of an earlier one may be left.
_FOLDERS = ("families", "review")
_SWEEP = "qeff_codegen sweep"
_SURVEY = "qeff_codegen.releases.survey"
# Shows how far an iteration of so many steps is.
Tracking = Callable[[Iterable[GeneratedModel | Refusal], int], Iterable[GeneratedModel | Refusal]]


@dataclass(frozen=True)
class Inputs:
    """What the site is made of.

    Attributes:
        generated: the folder of generated models.
        docs: the folder with the results of the last sweep and of the last survey.
        records: the folder that `validate` keeps its results in.
    """

    generated: Path
    docs: Path
    records: Path


def gather(inputs: Inputs, jobs: int, tracking: Tracking) -> Site:
    """All that the site says; every package is generated anew.

    Raises:
        UsageError: a file is missing or damaged, or upstream's source of a package is not there.
        DifferencesError: what is checked in is refused now.
        UnownedLineError: a line of a package differs that no rule owns.
    """
    entries = manifest.load(inputs.generated).models
    if not entries:
        raise UsageError(f"{inputs.generated} holds no generated models. Run this in a checkout.")
    version, swept = _swept(inputs.docs / COVERAGE)
    survey = _read(inputs.docs / RELEASES, _SURVEY)
    try:
        releases = release_map(survey["releases"], load_table(), swept, version)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{RELEASES} in {inputs.docs} is damaged or old: {error!r}.") from error
    # Where the source stands that was given with --source is not recorded.
    names = sorted(name for name, entry in entries.items() if entry.causal_lm is None)
    # Pages are made here, while the next models are generated in other processes.
    models = generate_models([find_model(name) for name in names], jobs)
    results = {result.family: Known(version, result) for result in swept}
    packages, refused = [], []
    for name, model in zip(names, tracking(models, len(names)), strict=True):
        if isinstance(model, Refusal):
            refused.append(f"  {name}: refused by {model.rule}: {model.what}")
        else:
            packages.append(package_of(review_of(model, inputs.generated, inputs.records, results), results))
    if refused:
        raise _not_made_any_more(refused)
    served = {family: name for name, entry in entries.items() for family in entry.families}
    texts = next((release.causal_lm for release in load_table() if release.version == version), {})
    found = families(packages, served, swept, texts)
    return Site(version, found, tuple(packages), ideas(found), releases)


def write_site(texts: dict[str, str], folder: Path) -> None:
    """Write every file, and remove pages that an earlier site had: all of it or nothing.

    Raises:
        UsageError: the folder holds something else, or cannot be written to.
    """
    index = folder / "index.html"
    try:
        own = index.is_file() and GENERATOR in index.read_text("utf-8")
        if not own and folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds other files. Choose a folder for the site alone with --output.")
        files = {folder / name: text for name, text in texts.items()}
        earlier = {path for name in _FOLDERS for path in (folder / name).glob("*.html")}
        change_files(files, earlier - files.keys())
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}. Choose another with --output.") from error


def _not_made_any_more(refused: Sequence[str]) -> DifferencesError:
    return DifferencesError(
        "The rules refuse what is checked in, so that nobody knows what to show of it:\n"
        + "".join(f"{line}\n" for line in refused)
        + "`python -m qeff_codegen check` says what happened, and how to mend it."
    )


def _swept(path: Path) -> tuple[str, list[FamilyResult]]:
    """The release that was swept for causal LMs, and what was found of every family, whatever it was swept for."""
    try:
        tasks = read_coverage(path)
        # A family of both tables is one model, and has one result.
        found = {result.family: result for task in reversed(TASKS) if task in tasks for result in tasks[task].results}
        return tasks[TEXT].transformers, list(found.values())
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error, _SWEEP) from error


def _read(path: Path, command: str) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
        assert isinstance(record, dict)
        return record
    except (OSError, ValueError, AssertionError) as error:
        raise _unreadable(path, error, command) from error


def _unreadable(path: Path, error: Exception, command: str) -> UsageError:
    return UsageError(f"{path} cannot be read: {error}.\nRun this in a checkout, after python -m {command}.")
