"""`python -m tests.benchmarks.warm NAME... --after NAME...`: how long generating each model takes in a warm process.

Warm: libraries, rules and what they prepare are loaded, and the models named last have been generated; the one that is
timed has not. So whatever is kept of a text that was read before is of other models' texts, and each model is timed
once in a process. Beside it stands LibCST's round trip of the same file, the best of several, as LibCST keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import click
import libcst as cst

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from tests.benchmarks.timing import BenchmarkError, best_of, output_of, seconds_of

_ROUND_TRIPS = 3


@dataclass(frozen=True)
class Warm:
    """One model's seconds: of its generation, and of LibCST's round trip of its file."""

    name: str
    generation: float
    round_trip: float

    @property
    def ratio(self) -> float:
        """How many round trips its generation takes."""
        return self.generation / self.round_trip


def warm(names: Sequence[str], after: Sequence[str], runs: int) -> list[Warm]:
    """Each model's shortest times of several processes, which have generated `after` before.

    Raises:
        BenchmarkError: a model is refused, or is among `after`.
    """
    if set(names) & set(after):
        raise BenchmarkError(f"{', '.join(sorted(set(names) & set(after)))}: timed, and generated before")
    lists = [_one_process(names, after) for _ in range(runs)]
    return [
        Warm(found[0].name, min(each.generation for each in found), min(each.round_trip for each in found))
        for found in zip(*lists, strict=True)
    ]


def _one_process(names: Sequence[str], after: Sequence[str]) -> list[Warm]:
    before = [word for name in after for word in ("--after", name)]
    printed = output_of(["-m", "tests.benchmarks.warm", *names, *before])
    return [Warm(**json.loads(line)) for line in printed.splitlines()]


def _timed(names: Sequence[str], after: Sequence[str]) -> Iterator[Warm]:
    models = {name: find_model(name) for name in (*after, *names)}
    for name in after:
        generate_model(models[name])
    for name in names:
        generation = seconds_of(partial(generate_model, models[name]))
        yield Warm(name, generation, best_of(_ROUND_TRIPS, partial(_round_trip, models[name].source)))


def _round_trip(text: str) -> str:
    return cst.parse_module(text).code


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--after", multiple=True, help="Generated before, untimed.")
def main(names: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Print one JSON document a model."""
    for found in _timed(names, after):
        click.echo(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
