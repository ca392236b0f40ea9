"""Compare what is checked in with what another release gives, family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version as package_version
from pathlib import Path

from qeff_codegen.bump.checked_in import FindRelease, checked_in_models
from qeff_codegen.bump.comparison import (
    GENERATES_NOW,
    GONE,
    NEW_GENERATES,
    NEW_REFUSED,
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
from qeff_codegen.bump.whereabouts import whereabouts
from qeff_codegen.engine.generate import rules_sha256
from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_in_transformers
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.transformers_text import TransformersText

Generate = Callable[[Sequence[UpstreamModel]], Iterable[GeneratedModel | Refusal]]

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
    upstreams = {family: find_in_transformers(family, after) for family in sorted(after.tables.causal_lm)}
    sources = {upstream.name: upstream for upstream in upstreams.values()}
    results = dict(zip(sources, generate(list(sources.values())), strict=True))
    comparisons = [
        *(
            item
            for model in models
            for item in _of_checked_in(model, before[model.version], after, upstreams, results)
        ),
        *_of_others(models, before, upstreams, results),
    ]
    ours = (rules_sha256(), package_version("black"))
    return Bump(
        tuple(releases),
        version,
        tuple(sorted(comparisons, key=lambda item: (OUTCOMES.index(item.outcome), item.package, item.families))),
        tuple(model.name for model in models if (model.entry.rules_sha256, model.entry.black_version) != ours),
    )


def _of_checked_in(
    model: CheckedIn,
    before: TransformersText,
    after: TransformersText,
    upstreams: Mapping[str, UpstreamModel],
    results: Mapping[str, GeneratedModel | Refusal],
) -> Iterator[Comparison]:
    """Families of one package mostly stay together; each group that does is one comparison."""
    groups: dict[str, list[str]] = defaultdict(list)
    for family in model.entry.families:
        if family in upstreams:
            groups[upstreams[family].name].append(family)
        else:
            yield Comparison((family,), model.name, GONE, model, note=whereabouts(family, before, after))
    for name, families in groups.items():
        after_source = upstreams[families[0]]
        result = results[name]
        note = "" if name == model.name else f"was served by {model.name}, is now by {name}"
        if isinstance(result, Refusal):
            yield Comparison(tuple(families), name, REFUSED, model, after_source, refusal=result, note=note)
        else:
            outcome = _outcome(model, result)
            yield Comparison(tuple(families), name, outcome, model, after_source, result, note=note)


def _outcome(before: CheckedIn, after: GeneratedModel) -> str:
    if (before.code, before.entry.mappings, before.name) != (after.code, after.mappings, after.name):
        return REGENERATED
    return UNCHANGED if before.entry.upstream_sha256 == after.upstream.sha256 else SAME_CODE


def _of_others(
    models: tuple[CheckedIn, ...],
    before: Mapping[str, TransformersText],
    upstreams: Mapping[str, UpstreamModel],
    results: Mapping[str, GeneratedModel | Refusal],
) -> Iterator[Comparison]:
    """Families of the new release that are not checked in, grouped by package and by whether they are new."""
    checked_in = {family for model in models for family in model.entry.families}
    known = {family for tree in before.values() for family in tree.tables.causal_lm}
    groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for family, upstream in upstreams.items():
        if family not in checked_in:
            groups[upstream.name, family in known].append(family)
    served = {upstreams[family].name for family in checked_in if family in upstreams}
    for (name, was_there), families in groups.items():
        result, source = results[name], upstreams[families[0]]
        outcome = NOT_CHECKED_IN[was_there, isinstance(result, GeneratedModel)]
        note = "its package serves families that are checked in" if name in served else ""
        if isinstance(result, Refusal):
            yield Comparison(tuple(families), name, outcome, after=source, refusal=result, note=note)
        else:
            yield Comparison(tuple(families), name, outcome, after=source, generated=result, note=note)
