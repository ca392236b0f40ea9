"""Examining mutants until enough of them count, and what came of it."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from transformers.utils import logging

from qeff_codegen.tiny_models.image_families import find_image_family
from tests.mutants.image_laboratory import ImageLaboratory
from tests.mutants.laboratory import Laboratory
from tests.mutants.mutants import Mutant, make_mutant
from tests.mutants.verdict import Outcome, Verdict

# A mutant that Hugging Face cannot run does not count; no family needs more tries than this for one that does.
MAX_TRIES_PER_COUNTED = 10


@dataclass(frozen=True)
class Result:
    """One mutant and its verdict.

    Attributes:
        diff: what the mutation changed; only for those someone must look at.
    """

    family: str
    seed: int
    mutant: Mutant
    verdict: Verdict
    diff: str = ""

    @property
    def mutators(self) -> tuple[str, ...]:
        """The names of the mutators that made it."""
        return tuple(name for name, _ in self.mutant.mutations)


def laboratory_for(family: str) -> Laboratory | ImageLaboratory:
    """The laboratory of a family: of its causal LM, or of its image-text model where it has no other."""
    return Laboratory(family) if find_image_family(family) is None else ImageLaboratory(family)


def examine_one(laboratory: Laboratory | ImageLaboratory, family: str, seed: int, number: int) -> Result:
    """Make and examine mutant `number` of a family and seed."""
    original = laboratory.upstream.source
    mutant = make_mutant(original, laboratory.ground, f"{seed}/{family}", number)
    verdict = laboratory.examine_mutant(mutant)
    diff = mutant.diff(original) if verdict.outcome in (Outcome.SILENT, Outcome.LOUD) else ""
    return Result(family, seed, mutant, verdict, diff)


def examine_family(family: str, seed: int, wanted: int) -> list[Result]:
    """Examine mutants 0, 1, 2, ... of a family until `wanted` of them count."""
    laboratory = laboratory_for(family)
    results: list[Result] = []
    for number in range(wanted * MAX_TRIES_PER_COUNTED):
        if sum(result.verdict.outcome.counts for result in results) == wanted:
            break
        results.append(examine_one(laboratory, family, seed, number))
    return results


def prepare_process() -> None:
    """One thread, and no warnings about mutants."""
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")


def tally(results: list[Result], key: Callable[[Result], tuple[str, ...]]) -> dict[str, Counter[Outcome]]:
    """Outcomes by family, by mutator, or by whatever `key` says a result belongs to."""
    found: dict[str, Counter[Outcome]] = {}
    for result in results:
        for name in key(result):
            found.setdefault(name, Counter())[result.verdict.outcome] += 1
    return dict(sorted(found.items()))
