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
from tests.mutants.feature_traps import FEATURE_TRAPS
from tests.mutants.handing_traps import HANDING_TRAPS
from tests.mutants.image_sites import functions_named, image_weight
from tests.mutants.mixer_traps import MIXER_TRAPS
from tests.mutants.mixing_traps import MIXING_TRAPS
from tests.mutants.place_traps import PLACE_TRAPS
from tests.mutants.placing_traps import PLACING_TRAPS
from tests.mutants.position_traps import POSITION_TRAPS
from tests.mutants.state_traps import STATE_TRAPS, keeps_state
from tests.mutants.traps import TRAPS

Mutator = Callable[[Text, FunctionNode, random.Random], list[Edit]]
# Traps most often, since what they are aimed at is what the generator replaces; disguises least, since most change
# nothing and almost none breaks upstream's own model, so that they would make up most of those that count.
TOKEN_TRAPS: tuple[Mutator, ...] = (*PLACE_TRAPS, *COUNT_TRAPS, *BRANCH_TRAPS, *MIXING_TRAPS)
TRAPS_FOR_STATES: tuple[Mutator, ...] = (*STATE_TRAPS, *MIXER_TRAPS)
MUTATORS: tuple[Mutator, ...] = (*DISGUISES, *CHANGES * 2, *TRAPS * 5, *TOKEN_TRAPS * 5, *TRAPS_FOR_STATES * 5)
IMAGE_TRAPS: tuple[Mutator, ...] = (*PLACING_TRAPS, *FEATURE_TRAPS, *POSITION_TRAPS, *HANDING_TRAPS)
IMAGE_MUTATORS: tuple[Mutator, ...] = (*DISGUISES, *CHANGES * 2, *IMAGE_TRAPS * 5)
# How many mutations a mutant has: mostly one, so that the first to be refused does not hide the others.
SIZES = (1, 1, 1, 1, 1, 2, 2, 3)
ATTEMPTS = 60


@dataclass(frozen=True)
class Ground:
    """What of a file is changed, and by what.

    Attributes:
        functions: the functions of a file, with their qualified names.
        weight: how often one of them is chosen.
        mutators: each as often as it is tried.
    """

    functions: Callable[[ast.Module], list[tuple[str, FunctionNode]]]
    weight: Callable[[str, FunctionNode], int]
    mutators: tuple[Mutator, ...]


def text_ground(causal_lm: str) -> Ground:
    """What a causal LM reaches."""
    return Ground(lambda tree: reached_functions(tree, causal_lm), _weight, MUTATORS)


def image_ground(ran: frozenset[str]) -> Ground:
    """The functions, by their qualified names, that an image-text model ran."""
    return Ground(lambda tree: functions_named(tree, ran), image_weight, IMAGE_MUTATORS)


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

    @property
    def is_image_trap(self) -> bool:
        """Whether something was done to it that aims at how images come among tokens."""
        return self._is_any_of(IMAGE_TRAPS)

    def _is_any_of(self, mutators: tuple[Mutator, ...]) -> bool:
        names = {mutator.__name__ for mutator in mutators}
        return any(name in names for name, _ in self.mutations)

    def diff(self, original: str) -> str:
        """What was changed, as a unified diff."""
        lines = (original.splitlines(), self.source.splitlines())
        return "\n".join(difflib.unified_diff(*lines, "upstream", "mutant", lineterm="", n=2))


def make_mutant(original: str, ground: Ground, key: str, number: int) -> Mutant:
    """Mutate a modeling file.

    Args:
        original: upstream's text.
        ground: what of it is changed, and by what.
        key: seed and family; with `number` it decides everything.

    Raises:
        RuntimeError: no mutator found a place in any of many attempts.
    """
    rng = random.Random(f"{key}/{number}")
    source, mutations = original, []
    for _ in range(rng.choice(SIZES)):
        found = _mutate(source, ground, rng, original)
        source = found[0]
        mutations.append(found[1:])
    return Mutant(number, tuple(mutations), source)


def _mutate(source: str, ground: Ground, rng: random.Random, original: str) -> tuple[str, str, str]:
    text = Text(source)
    functions = ground.functions(text.tree)
    weights = [ground.weight(name, function) for name, function in functions]
    for _ in range(ATTEMPTS):
        name, function = rng.choices(functions, weights)[0]
        mutator = rng.choice(ground.mutators)
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
