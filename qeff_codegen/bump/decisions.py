"""What must be settled before a release is taken over: lost families by the maintainer, the others by validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qeff_codegen.bump.comparison import ADDABLE, KEPT, LOST, Bump, Comparison
from qeff_codegen.coverage.family_result import SUPPORTED, FamilyResult
from qeff_codegen.errors import UsageError
from qeff_codegen.generated_model import GeneratedModel


@dataclass(frozen=True)
class Decisions:
    """What the maintainer has decided, and what validation has found.

    Attributes:
        dropped: lost families that are given up, as the maintainer spells them.
        stages: what Stages 1 to 3 said, by family; empty when they were not run.
    """

    dropped: tuple[str, ...] = ()
    stages: Mapping[str, FamilyResult] = field(default_factory=dict)

    def drops(self, item: Comparison) -> bool:
        """Whether a comparison's families were lost, and are all given up."""
        return item.outcome in LOST and {_plain(family) for family in item.families} <= set(map(_plain, self.dropped))

    def passed(self, model: GeneratedModel) -> bool:
        """Whether every family that a model serves was validated, and equals upstream."""
        results = [self.stages.get(family) for family in model.upstream.families]
        return all(result is not None and result.state == SUPPORTED for result in results)


def kept_models(bump: Bump) -> tuple[GeneratedModel, ...]:
    """The models that serve families which are checked in."""
    return _models(bump.of(*KEPT))


def new_models(bump: Bump) -> tuple[GeneratedModel, ...]:
    """The models that generate and serve no family that is checked in."""
    kept = {model.name for model in kept_models(bump)}
    return tuple(model for model in _models(bump.of(*ADDABLE)) if model.name not in kept)


def check_drops(bump: Bump, dropped: Sequence[str]) -> None:
    """What is given up must be lost.

    Raises:
        UsageError: it is not.
    """
    lost = [family for item in bump.of(*LOST) for family in item.families]
    for name in dropped:
        if _plain(name) not in map(_plain, lost):
            raise UsageError(
                f"--drop {name}: no checked-in family of this name is refused or gone at {bump.version}.\n"
                f"Those that are: {', '.join(lost) or 'none'}."
            )


def undecided(bump: Bump, decisions: Decisions) -> tuple[str, ...]:
    """What stands in the way of taking the release over, one line each."""
    lost = [f"{item.outcome}: {item.title}: {item.reason}" for item in bump.of(*LOST) if not decisions.drops(item)]
    served = [family for model in kept_models(bump) for family in model.upstream.families]
    results = [decisions.stages[family] for family in served if family in decisions.stages]
    return (*lost, *(f"{item.state}: {item.family}: {item.reason}" for item in results if item.state != SUPPORTED))


def _models(items: Sequence[Comparison]) -> tuple[GeneratedModel, ...]:
    found = {item.generated.name: item.generated for item in items if item.generated}
    return tuple(found[name] for name in sorted(found))


def _plain(family: str) -> str:
    return family.replace("-", "_")
