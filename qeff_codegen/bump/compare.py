"""Compare what is checked in with what another release gives, family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from qeff_codegen.bump.comparison import (
    GENERATES_NOW,
    GONE,
    NEW_GENERATES,
    NEW_REFUSED,
    NOT_YET,
    OUTCOMES,
    REFUSED,
    REGENERATED,
    SAME_CODE,
    STILL_REFUSED,
    UNCHANGED,
    Bump,
    CheckedIn,
    Comparison,
)
from qeff_codegen.bump.models_to_compare import FindRelease, checked_in_models
from qeff_codegen.bump.new_release import Generate, NewRelease, read_release
from qeff_codegen.bump.whereabouts import is_older, whereabouts
from qeff_codegen.checked_in.tools import made_with, tools_here
from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.transformers_text import TransformersText

# The outcome of a family that is not checked in, by whether the old release had it and whether it generates.
NOT_CHECKED_IN = {
    (False, True): NEW_GENERATES,
    (True, True): GENERATES_NOW,
    (False, False): NEW_REFUSED,
    (True, False): STILL_REFUSED,
}


def compare(version: str, generated: Path, release: FindRelease, generate: Generate) -> Bump:
    """What transformers `version` does to the models of the folder `generated`; nothing is written.

    Args:
        release: gives the text of a release.
        generate: generates models, in the order given.

    Raises:
        UsageError: there is no such release, or nothing to bump.
        DifferencesError: what is checked in is not what the manifest says.
    """
    release = cache(release)
    after = release(version)
    version = after.version or version
    models = checked_in_models(generated, release)
    releases = sorted({model.version for model in models})
    if releases == [version]:
        raise UsageError(
            f"Every model of {generated} is from transformers {version} already.\n"
            "Give another release; after a change of rules, run `python -m qeff_codegen generate --all`."
        )
    before = {name: release(name) for name in releases}
    new = read_release(after, generate)
    comparisons = [
        *(item for model in models for item in _of_checked_in(model, before[model.version], new)),
        *_of_others(models, before.values(), new),
    ]
    tools = tools_here()
    return Bump(
        tuple(releases),
        version,
        tuple(sorted(comparisons, key=lambda item: (OUTCOMES.index(item.outcome), item.package, item.families))),
        tuple(model.name for model in models if not made_with(model.entry, tools)),
    )


def _of_checked_in(model: CheckedIn, before: TransformersText, new: NewRelease) -> Iterator[Comparison]:
    """Families of one package mostly stay together; each group that does is one comparison."""
    groups: dict[str, list[str]] = defaultdict(list)
    for family in model.entry.families:
        if family in new.sources:
            groups[new.package(family)].append(family)
        else:
            outcome = NOT_YET if is_older(new.tree, before) else GONE
            yield Comparison((family,), model.name, outcome, model, note=whereabouts(family, before, new.tree))
    for package, families in groups.items():
        result = new.results[package]
        outcome = REFUSED if isinstance(result, Refusal) else _outcome(model, result)
        note = "" if package == model.name else f"was served by {model.name}, is now by {package}"
        yield _comparison(families, package, outcome, note, new, model)


def _outcome(before: CheckedIn, after: GeneratedModel) -> str:
    if (before.code, before.entry.mappings, before.name) != (after.code, after.mappings, after.name):
        return REGENERATED
    return UNCHANGED if before.entry.upstream_sha256 == after.upstream.sha256 else SAME_CODE


def _of_others(
    models: Sequence[CheckedIn], before: Iterable[TransformersText], new: NewRelease
) -> Iterator[Comparison]:
    """Families that are not checked in, grouped by package and by whether the old release has them."""
    checked_in = {family for model in models for family in model.entry.families}
    known = {family for tree in before for family in tree.tables.causal_lm}
    served = {new.package(family) for family in checked_in & new.sources.keys()}
    groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for family in sorted(new.tree.tables.causal_lm.keys() - checked_in):
        groups[new.package(family), family in known].append(family)
    for (package, was_there), families in groups.items():
        outcome = NOT_CHECKED_IN[was_there, isinstance(new.result(families[0]), GeneratedModel)]
        note = "its package serves families that are checked in" if package in served else ""
        yield _comparison(families, package, outcome, note, new)


def _comparison(
    families: Sequence[str],
    package: str,
    outcome: str,
    note: str,
    new: NewRelease,
    before: CheckedIn | None = None,
) -> Comparison:
    result, source = new.result(families[0]), new.sources.get(families[0])
    if isinstance(result, Refusal):
        return Comparison(tuple(families), package, outcome, before, source, refusal=result, note=note)
    return Comparison(tuple(families), package, outcome, before, source, generated=result, note=note)
