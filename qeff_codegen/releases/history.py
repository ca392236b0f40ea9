"""One family's way through the releases: where it begins, where it ends, and what has its class afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.releases.table import Release
from qeff_codegen.upstream.spelling import near, plain, spelled


@dataclass(frozen=True)
class History:
    """What the table knows of one family.

    Attributes:
        family: model type, as transformers spells it.
        causal_lm: its class, in the last release that has it.
        releases: the releases that have it, oldest first.
        since_table_begins: whether the first of them is the table's first, so that it may be older.
        gone_in: the release after the last of them; None where that is the newest.
        renamed_to: families that are new in the release it is gone from, and have its class.
        served_by: families that had its class already, and keep it.
    """

    family: str
    causal_lm: str
    releases: tuple[str, ...]
    since_table_begins: bool
    gone_in: str | None
    renamed_to: tuple[str, ...]
    served_by: tuple[str, ...]

    @property
    def last(self) -> str | None:
        """The last release that has it; None where the newest does."""
        return self.releases[-1] if self.gone_in else None


def history(name: str, table: Sequence[Release]) -> History:
    """The history of the family that `name` spells.

    Raises:
        UsageError: no release has such a model type.
        Refusal: the model type is there, and no release has a causal LM of it.
    """
    family = _family(name, table)
    places = [place for place, release in enumerate(table) if family in release.causal_lm]
    if not places:
        raise _no_causal_lm(family, table)
    last = table[places[-1]]
    after = table[places[-1] + 1] if last is not table[-1] else None
    causal_lm = last.causal_lm[family]
    heirs = sorted(other for other, its_class in after.causal_lm.items() if its_class == causal_lm) if after else []
    return History(
        family=family,
        causal_lm=causal_lm,
        releases=tuple(table[place].version for place in places),
        since_table_begins=places[0] == 0,
        gone_in=after.version if after else None,
        renamed_to=tuple(heir for heir in heirs if heir not in last.causal_lm),
        served_by=tuple(heir for heir in heirs if heir in last.causal_lm),
    )


def _family(name: str, table: Sequence[Release]) -> str:
    """The model type `name` spells; one with a causal LM before one without."""
    families = dict.fromkeys(family for release in table for family in release.causal_lm)
    others = dict.fromkeys(sorted(other for release in table for other in release.without))
    family = spelled(name, [*families, *others])
    if family is not None:
        return family
    names = near(name, families)
    hint = f"Near names: {', '.join(names)}." if names else "No causal LM has a near name."
    raise UsageError(
        f"No transformers from {table[0].version} to {table[-1].version} has a model `{name}`. {hint}\n"
        "A newer release is in the table after python -m qeff_codegen.releases.collect."
    )


def _no_causal_lm(family: str, table: Sequence[Release]) -> Refusal:
    """`gemma3_vision` has none; relatives by name may have one."""
    newest = table[-1].causal_lm
    relatives = sorted(other for other in newest if plain(other).startswith(f"{plain(family)}_"))
    return Refusal(
        f"`{family}` has no causal language model in any transformers from {table[0].version} to {table[-1].version}",
        rule="upstream",
        expected="an entry in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES of transformers/models/auto/modeling_auto.py",
        next_step=(
            f"ask for its text model: {' or '.join(relatives)}" if relatives else "choose a family that generates text"
        ),
    )
