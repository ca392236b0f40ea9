"""Run the sample under every release: `python -m tests.matrix`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, QEffCodegenError
from tests.matrix.expectations import FAMILIES, NOT_RUN, REFUSED, RELEASES
from tests.matrix.one_release import families_of, run_release
from tests.matrix.verdict import as_table, unexpected

WORK = Path("build/matrix")


@click.command()
@click.option("--release", "releases", multiple=True, metavar="VERSION", help="Only this one; may be repeated.")
@click.option("--family", "families", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True)
def main(releases: tuple[str, ...], families: tuple[str, ...], jobs: int) -> None:
    """Exit 1 unless every family is supported under every release that has it, or refused for a reason given."""
    releases, families = releases or RELEASES, families or FAMILIES
    asked = {(release, family) for release in releases for family in families}
    results: dict[tuple[str, str], FamilyResult] = {}
    console = Console()
    try:
        for release in releases:
            console.rule(f"transformers {release}", align="left", characters="-")
            found = run_release(release, families_of(release, families), jobs, WORK.absolute() / release)
            results |= {(release, result.family): result for result in found}
    except QEffCodegenError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    console.print(as_table(results, releases, families))
    for (release, family), reason in NOT_RUN.items():
        if (release, family) in asked:
            console.print(f"{family} is not run under {release}: {reason}.")
    for (release, family), refusal in REFUSED.items():
        if (release, family) in asked:
            console.print(f"{family} may be refused under {release}: {refusal.reason}.")
    wrong = list(unexpected(results, {key: row for key, row in REFUSED.items() if key in asked}))
    for paragraph in wrong:
        console.print(f"\n{paragraph}", markup=False)
    sys.exit(EXIT_DIFFERENCES if wrong else EXIT_DONE)


if __name__ == "__main__":
    main()
