"""Mutant N of a family and a seed: always the same text, on every machine."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.mutants.branch_traps import BRANCH_TRAPS
from tests.mutants.changes import CHANGES
from tests.mutants.count_traps import COUNT_TRAPS
from tests.mutants.disguises import DISGUISES
from tests.mutants.edits import Edit, FunctionNode, Text, reached_functions
from tests.mutants.mixer_traps import MIXER_TRAPS
from tests.mutants.mixing_traps import MIXING_TRAPS
from tests.mutants.place_traps import PLACE_TRAPS
from tests.mutants.state_traps import STATE_TRAPS, keeps_state
from tests.mutants.traps import TRAPS

Mutator = Callable[[Text, FunctionNode, random.Random], list[Edit]]
# Traps most often, since what they are aimed at is what the generator replaces; disguises least, since most change
# nothing and almost none breaks upstream's own model, so that they would make up most of those that count.
TOKEN_TRAPS: tuple[Mutator, ...] = (*PLACE_TRAPS, *COUNT_TRAPS, *BRANCH_TRAPS, *MIXING_TRAPS)
TRAPS_FOR_STATES: tuple[Mutator, ...] = (*STATE_TRAPS, *MIXER_TRAPS)
MUTATORS: tuple[Mutator, ...] = (*DISGUISES, *CHANGES * 2, *TRAPS * 5, *TOKEN_TRAPS * 5, *TRAPS_FOR_STATES * 5)
# How many mutations a mutant has: mostly one, so that the first to be refused does not hide the others.
SIZES = (1, 1, 1, 1, 1, 2, 2, 3)
ATTEMPTS = 60


@dataclass(frozen=True)
class Mutant:
    """A changed modeling file.

    Attributes:
        number: its number within the family and seed.
        mutations: `mutator in function`, in the order in which they were made.
    """

    number: int
    mutations: tuple[tuple[str, str], ...]
    source: str

    @property
    def is_token_trap(self) -> bool:
        """Whether something was done to it that must be refused where the answer depends on calls and pads."""
        return self._is_any_of(TOKEN_TRAPS)

    @property
    def is_state_trap(self) -> bool:
        """Whether something was done to a state of it, or to how it is used."""
        return self._is_any_of(TRAPS_FOR_STATES)

    def _is_any_of(self, mutators: tuple[Mutator, ...]) -> bool:
        names = {mutator.__name__ for mutator in mutators}
        return any(name in names for name, _ in self.mutations)

    def diff(self, original: str) -> str:
        """What was changed, as a unified diff."""
        lines = (original.splitlines(), self.source.splitlines())
        return "\n".join(difflib.unified_diff(*lines, "upstream", "mutant", lineterm="", n=2))


def make_mutant(original: str, causal_lm: str, key: str, number: int) -> Mutant:
    """Mutate a modeling file.

    Args:
        original: upstream's text.
        causal_lm: its causal LM class; only what it reaches is changed.
        key: seed and family; with `number` it decides everything.

    Raises:
        RuntimeError: no mutator found a place in any of many attempts.
    """
    rng = random.Random(f"{key}/{number}")
    source, mutations = original, []
    for _ in range(rng.choice(SIZES)):
        found = _mutate(source, causal_lm, rng, original)
        source = found[0]
        mutations.append(found[1:])
    return Mutant(number, tuple(mutations), source)


def _mutate(source: str, causal_lm: str, rng: random.Random, original: str) -> tuple[str, str, str]:
    text = Text(source)
    functions = reached_functions(text.tree, causal_lm)
    weights = [_weight(name, function) for name, function in functions]
    for _ in range(ATTEMPTS):
        name, function = rng.choices(functions, weights)[0]
        mutator = rng.choice(MUTATORS)
        edits = mutator(text, function, rng)
        if not edits:
            continue
        try:
            mutated = text.edited(edits)
            same = ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(original))
        except (ValueError, SyntaxError):
            continue
        if not same:
            return mutated, mutator.__name__, name
    raise RuntimeError(f"nothing to mutate was found in {ATTEMPTS} attempts")


def _weight(name: str, function: FunctionNode) -> int:
    """How often a function is chosen: what computes with tensors more often, what keeps states most often."""
    if keeps_state(function):
        return 15
    return 3 if name.endswith("forward") or "." not in name else 1
