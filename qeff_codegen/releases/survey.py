"""From how many releases do unchanged rules generate? `python -m qeff_codegen.releases.survey`.

Every family of every release is generated and verified in memory, from text alone. A text that several releases share
is generated once, and verdicts are kept until a rule changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from qeff_codegen.coverage.family_result import SUPPORTED
from qeff_codegen.coverage.page import JSON as COVERAGE
from qeff_codegen.coverage.swept import TEXT, read_coverage
from qeff_codegen.errors import UsageError
from qeff_codegen.messages import MessageCommand
from qeff_codegen.releases.kept_verdicts import KeptVerdicts
from qeff_codegen.releases.neighbours import shares
from qeff_codegen.releases.survey_page import write_survey
from qeff_codegen.releases.table import load_table
from qeff_codegen.releases.verdict import Verdict, judge_all, verdict_key
from qeff_codegen.releases.versions import last_patches
from qeff_codegen.upstream.find import find_in_transformers
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.transformers_text import transformers_in_wheel
from qeff_codegen.upstream.wheel import transformers_wheel

# The first release whose share counts; the one before it counts as its neighbour.
FIRST = "5.0.0"
# A stopped survey loses at most so many verdicts, some seconds' work each.
SAVE_EVERY = 50


@click.command(cls=MessageCommand)
@click.option("--release", "asked", multiple=True, metavar="VERSION", help="Only this release; may be repeated.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Models generated at the same time."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for releases.md and releases.json.  [default: docs; nothing is written with --release]",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/releases"),
    show_default=True,
    help="The folder that keeps verdicts; they count until a rule changes.",
)
def main(asked: tuple[str, ...], jobs: int, output: Path | None, work: Path) -> None:
    """Generate and verify, from text alone, every family of every minor release of transformers since 5.0.

    Says which share of the families that a release's neighbours support is generated from it, by the same rules.
    """
    known = [release.version for release in load_table()]
    chosen = list(asked) or last_patches(known, FIRST)
    unknown = [version for version in chosen if version not in known]
    if unknown:
        raise UsageError(f"The table has no release {unknown[0]}. It has {', '.join(known)}.")
    pinned, supported = supported_families(Path("docs"))
    releases = with_neighbours(known, chosen)
    verdicts = survey(releases, KeptVerdicts(work / "verdicts.json"), jobs, Console(stderr=True))
    found = shares(releases, verdicts, chosen, supported)
    for share in found:
        click.echo(f"{share.version:8}  {share.generated:3} of {len(share.population):3}  {share.share:7.2%}")
    if output is not None or not asked:
        for path in write_survey(found, output or Path("docs"), pinned):
            click.echo(f"written    {path}")


def supported_families(docs: Path) -> tuple[str, frozenset[str]]:
    """The release that was swept last, and the families that were supported in it.

    Raises:
        UsageError: there is no coverage of a sweep in `docs`.
    """
    path = docs / COVERAGE
    try:
        swept = read_coverage(path)[TEXT]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}.\nRun this in a checkout, after python -m qeff_codegen sweep."
        ) from error
    return swept.transformers, frozenset(result.family for result in swept.results if result.state == SUPPORTED)


def with_neighbours(known: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Those of `known`, in its order, that are chosen or stand beside one that is."""
    places = {known.index(version) + step for version in chosen for step in (-1, 0, 1)}
    return [version for place, version in enumerate(known) if place in places]


def survey(releases: Sequence[str], kept: KeptVerdicts, jobs: int, console: Console) -> dict[str, dict[str, Verdict]]:
    """The verdict on every causal LM of every release, by release and model type."""
    keys: dict[str, dict[str, str]] = {}
    texts: dict[str, UpstreamModel] = {}
    for version in releases:
        models = _causal_lms(version)
        keys[version] = {model_type: verdict_key(upstream) for model_type, upstream in models.items()}
        texts.update((keys[version][model_type], upstream) for model_type, upstream in models.items())
    verdicts = kept.load()
    missing = {key: upstream for key, upstream in texts.items() if key not in verdicts}
    _judge(missing, verdicts, kept, jobs, console)
    return {version: {name: verdicts[key] for name, key in keys[version].items()} for version in releases}


def _judge(
    missing: Mapping[str, UpstreamModel], verdicts: dict[str, Verdict], kept: KeptVerdicts, jobs: int, console: Console
) -> None:
    """Add the verdicts on the texts in `missing` to `verdicts`, and keep them, also when stopped."""
    if not missing:
        return
    try:
        judged = judge_all(missing, jobs)
        for count, (key, verdict) in enumerate(
            track(judged, "Generating", len(missing), console=console, transient=True), start=1
        ):
            verdicts[key] = verdict
            if count % SAVE_EVERY == 0:
                kept.save(verdicts)
    finally:
        kept.save(verdicts)


def _causal_lms(version: str) -> dict[str, UpstreamModel]:
    """The modeling file of every causal LM of a release."""
    tree = transformers_in_wheel(transformers_wheel(version))
    found = {}
    for model_type in tree.tables.causal_lm:
        try:
            found[model_type] = find_in_transformers(model_type, tree)
        except UsageError:
            # Named in the table and defined nowhere, as the deprecated models of 4.57 are.
            continue
    return found


if __name__ == "__main__":
    main()
