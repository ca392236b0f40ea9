"""How many of the families that a release should bring along are generated from it by unchanged rules.

The *population* of a release: its families with a causal LM that are generated from the minor release before it or
the one after it, or that are supported at the pinned release. Its *share*: those of them that are generated from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from qeff_codegen.releases.verdict import Verdict

# Model type to verdict, for every causal LM of one release.
Verdicts = Mapping[str, Verdict]


@dataclass(frozen=True)
class ReleaseShare:
    """One release's line of the survey.

    Attributes:
        version: the release.
        families: how many have a causal LM in it.
        population: those that should be generated from it, sorted.
        refused: those of the population that are not, by name, each with its verdict.
        outside: how many families are generated from it without being in the population.
    """

    version: str
    families: int
    population: tuple[str, ...]
    refused: Mapping[str, Verdict]
    outside: int = 0

    @property
    def generated(self) -> int:
        """How many of the population are generated."""
        return len(self.population) - len(self.refused)

    @property
    def share(self) -> float:
        """The share of the population that is generated, from 0 to 1; 1 where nobody is in it."""
        return self.generated / len(self.population) if self.population else 1.0


def shares(
    releases: Sequence[str], verdicts: Mapping[str, Verdicts], asked: Collection[str], supported: Collection[str]
) -> list[ReleaseShare]:
    """The share of every release in `asked`.

    Args:
        releases: minor releases in their order, `asked` and their neighbours among them.
        verdicts: by release, of every one of `releases`.
        supported: the families that are supported at the pinned release.
    """
    found = []
    for place, release in enumerate(releases):
        if release in asked:
            beside = [verdicts[other] for other in releases[max(0, place - 1) : place + 2] if other != release]
            found.append(_share(release, verdicts[release], beside, supported))
    return found


def _share(release: str, here: Verdicts, beside: Sequence[Verdicts], supported: Collection[str]) -> ReleaseShare:
    population = tuple(sorted(name for name in here if name in supported or any(_generated(name, v) for v in beside)))
    refused = {name: here[name] for name in population if not here[name].generated}
    outside = sum(verdict.generated for verdict in here.values()) - (len(population) - len(refused))
    return ReleaseShare(release, len(here), population, refused, outside)


def _generated(name: str, verdicts: Verdicts) -> bool:
    return name in verdicts and verdicts[name].generated
