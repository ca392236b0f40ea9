"""Which wrong generated files QEfficient's own tests notice, and which the stages: a table in Markdown.

    python -m tests.checkout.mutant_table llama gemma2 granite mixtral

takes the checkout and its interpreter from the environment variables that the tests take them from, and some minutes a
family: each mutant is run by the tests that run the family's file, and by `validate --checkout`.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.checkout.checkout import open_checkout
from qeff_codegen.checkout.validate import validate_in_checkout
from tests.checkout.mutants import MUTANTS
from tests.checkout.own_tests import kept_runs, run_own_tests, those_that_run
from tests.checkout.qefficient import qefficient_checkout, qefficient_python
from tests.checkout.replaced_checkout import clone, modeling_file, replace_families

MODELS = Path("QEfficient/transformers/models")


@click.command()
@click.argument("families", nargs=-1, required=True)
@click.option("--runs", type=click.Path(path_type=Path), help="Where the tests of the unchanged checkout are kept.")
def main(families: tuple[str, ...], runs: Path | None) -> None:
    """Print a row for each family and mutant."""
    click.echo("| family | what is wrong | its own tests | the stages |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        before = kept_runs(qefficient_checkout(), qefficient_python(), runs or Path(name) / "runs.jsonl")
        for family in families:
            checkout = clone(qefficient_checkout(), Path(name) / family)
            replace_families(checkout, [family])
            path = modeling_file(checkout, family)
            tests = those_that_run(before.values(), path.relative_to(checkout / MODELS).as_posix())
            for row in rows(checkout, family, path, tests):
                click.echo(f"| {family} | {' | '.join(row)} |")


def rows(checkout: Path, family: str, path: Path, tests: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """For the file as it is and for each mutant of it: its name, what the tests say, and what the stages say.

    Tests that the generated file does not pass as it is are told, and left out where a mutant is run.
    """
    runs = run_own_tests(checkout, qefficient_python(), tests)
    passing = [run.test for run in runs.values() if run.outcome == "passed"]
    others = "".join(f"; not `{short(test)}`" for test in runs.keys() - set(passing))
    yield "nothing", f"{len(passing)} pass{others}", by_stages(checkout, family)
    text = path.read_text("utf-8")
    for mutant in MUTANTS:
        changed = mutant.applied(text)
        if changed is not None:
            path.write_text(changed, "utf-8")
            yield mutant.name, by_tests(checkout, passing), by_stages(checkout, family)
    path.write_text(text, "utf-8")


def by_tests(checkout: Path, tests: Collection[str]) -> str:
    """Whether one of the tests fails, and which is the first."""
    runs = run_own_tests(checkout, qefficient_python(), tests, stop_at_failure=True)
    failed = next((run for run in runs.values() if run.outcome != "passed"), None)
    return f"all {len(runs)} pass" if failed is None else f"**caught**: `{short(failed.test)}`"


def short(test: str) -> str:
    """A test's own name."""
    return test.rsplit("::", 1)[-1]


def by_stages(checkout: Path, family: str) -> str:
    """In how many scenarios a stage differs or fails."""
    opened, silent = open_checkout(checkout), Console(file=io.StringIO())
    results = validate_in_checkout([family], opened, qefficient_python(), silent).results
    wrong = [result for result in results if not result.equal]
    if not wrong:
        return f"all {len(results)} scenarios equal"
    scenarios = sorted({result.scenario for result in wrong})
    where = f": {', '.join(scenarios)}" if len(wrong) < len(results) else ""
    return f"**caught** in {len(wrong)} of {len(results)} scenarios{where}"


if __name__ == "__main__":
    main()
