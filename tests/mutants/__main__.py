"""Run the mutation test: `python -m tests.mutants --seed 1 --count 500 --jobs 2`."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

import click
from rich.console import Console
from rich.table import Table

from tests.mutants.batch import Result, examine_family, examine_one, laboratory_for, prepare_process, tally
from tests.mutants.verdict import Outcome
from tests.sample import SAMPLE

FAMILIES = ",".join(SAMPLE)
CONSOLE = Console(width=150, highlight=False)


@click.command()
@click.option("--seed", default=1, show_default=True, help="decides every mutation")
@click.option("--count", default=570, show_default=True, help="mutants that Hugging Face can run, over all families")
@click.option("--families", default=FAMILIES, show_default=True, help="names, separated by commas")
@click.option("--jobs", default=2, show_default=True, help="processes")
@click.option("--number", type=int, help="examine only this mutant of each family, and show what it changes")
def main(seed: int, count: int, families: str, jobs: int, number: int | None) -> None:
    """Generate from mutants of upstream's files; exit 1 if one is silently wrong."""
    names = families.split(",")
    if number is not None:
        results = list(map(_single, [(name, seed, number) for name in names]))
    else:
        share = [count // len(names) + (index < count % len(names)) for index in range(len(names))]
        started = time.perf_counter()
        results = _run([(name, seed, part) for name, part in zip(names, share, strict=True)], jobs)
        _report(results, time.perf_counter() - started)
    for result in results:
        if result.diff:
            made = ", ".join(f"{mutator} in {place}" for mutator, place in result.mutant.mutations)
            header = f"{result.verdict.outcome}: {result.family}, seed {result.seed}, mutant {result.mutant.number}"
            CONSOLE.print(f"\n{header} ({made})\n{result.verdict.detail}\n{result.diff}", markup=False)
    sys.exit(any(result.verdict.outcome is Outcome.SILENT for result in results))


def _run(tasks: list[tuple[str, int, int]], jobs: int) -> list[Result]:
    found: list[Result] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=prepare_process) as pool:
        for future in as_completed([pool.submit(examine_family, *task) for task in tasks]):
            results = future.result()
            counted = sum(result.verdict.outcome.counts for result in results)
            silent = sum(result.verdict.outcome is Outcome.SILENT for result in results)
            CONSOLE.print(f"{results[0].family}: {counted} counted, {silent} silently wrong", style="dim")
            found += results
    return sorted(found, key=lambda result: (result.family, result.mutant.number))


def _single(task: tuple[str, int, int]) -> Result:
    prepare_process()
    family, seed, number = task
    laboratory = laboratory_for(family)
    result = examine_one(laboratory, family, seed, number)
    diff = result.mutant.diff(laboratory.upstream.source)
    return Result(family, seed, result.mutant, result.verdict, diff)


def _report(results: list[Result], seconds: float) -> None:
    for title, found in {
        "family": tally(results, lambda result: (result.family,)),
        "mutator": tally(results, lambda result: result.mutators),
        "refused by": tally(
            [result for result in results if result.verdict.outcome is Outcome.REFUSED],
            lambda result: (result.verdict.detail.split(":")[0],),
        ),
    }.items():
        _print(title, found)
    counted = [result for result in results if result.verdict.outcome.counts]
    changed = Counter(result.verdict.outcome for result in counted if result.verdict.changed_numbers)
    CONSOLE.print(
        f"{len(counted)} mutants counted of {len(results)} made, in {seconds:.0f} s. {changed.total()} changed what "
        f"Hugging Face answers ({changed[Outcome.EQUAL]} of them followed, {changed[Outcome.REFUSED]} refused), "
        f"{len(counted) - changed.total()} kept it."
    )


def _print(title: str, found: dict[str, Counter[Outcome]]) -> None:
    present = [outcome for outcome in Outcome if any(outcome in counts for counts in found.values())]
    table = Table(title, *(str(outcome) for outcome in present))
    for name, counts in found.items():
        table.add_row(name, *(str(counts[outcome]) for outcome in present))
    total: Counter[Outcome] = sum(found.values(), Counter())
    table.add_section()
    table.add_row("all", *(str(total[outcome]) for outcome in present))
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
