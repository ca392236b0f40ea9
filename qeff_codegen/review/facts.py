"""Everything a review shows, gathered once: the formats only lay it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.checked_in import manifest
from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.coverage.family_result import FAILED, MISMATCH
from qeff_codegen.coverage.known import Known, of_this_code
from qeff_codegen.emit.steps import STEPS
from qeff_codegen.engine.rule_set import rules
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import UsageError
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.changes import Hunk, Same, changes
from qeff_codegen.review.lines_changed import lines_changed
from qeff_codegen.review.upstream_share import upstream_share
from qeff_codegen.validation.record import ValidationRecord, load_records


@dataclass(frozen=True)
class Owner:
    """A rule that fired or a step of emission that was taken.

    Attributes:
        id: the rule's or the step's.
        why: its reason, in one sentence.
        places: how many constructs a rule matched; how many hunks a step made.
        hunks: how many hunks it made or had a part in.
        description: what a rule's file says of itself, and what it reads and matches; empty for a step.
    """

    id: str
    why: str
    places: int
    hunks: int
    description: str = ""


@dataclass(frozen=True)
class Review:
    """One model under review.

    Attributes:
        changes: both files from top to bottom.
        rules: the rules that fired, in the order in which they ran.
        steps: the steps of emission that were taken.
        added, removed: lines, over the functions that the generated file holds.
        kept: upstream's lines among those of the attention and decoder layer forwards, from 0 to 1.
        checked_in: whether the output folder holds just this code, with this record.
        records: what validation found, of this code and this source alone.
        swept: what the last sweep found, of this code and this source alone, of families that have no record.
    """

    model: GeneratedModel
    changes: tuple[Same | Hunk, ...]
    rules: tuple[Owner, ...]
    steps: tuple[Owner, ...]
    added: int
    removed: int
    kept: float | None
    checked_in: bool
    records: tuple[ValidationRecord, ...]
    swept: tuple[Known, ...]

    @property
    def name(self) -> str:
        """The name of the generated package."""
        return self.model.name

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """The hunks that rules made, alone or with others."""
        return tuple(item for item in self.changes if isinstance(item, Hunk) and is_by_rule(item))

    @property
    def is_equal(self) -> bool | None:
        """Whether Stages 1 to 3 are equal wherever this code was run; None where nobody could tell."""
        found = [record.equal for record in self.records]
        found += [known.result.state != MISMATCH for known in self.swept if known.result.state != FAILED]
        return all(found) if found else None

    @property
    def scenarios(self) -> int:
        """In how many scenarios this code was run, over all families."""
        return sum(len(record.results) for record in self.records) + sum(
            known.result.scenarios for known in self.swept
        )

    def why(self, owner: str) -> str:
        """The reason of a rule or a step."""
        return next(item.why for item in (*self.rules, *self.steps) if item.id == owner)


def is_by_rule(hunk: Hunk) -> bool:
    """Whether a rule had a part in a hunk."""
    return any(owner not in STEPS for owner in hunk.owners)


def review_of(model: GeneratedModel, generated: Path, records: Path, swept: Mapping[str, Known]) -> Review:
    """Gather what there is to say about a generated model.

    Args:
        generated: the folder that generated models are checked in to.
        records: the folder that `validate` keeps its results in.
        swept: what the last sweep found, by family.

    Raises:
        UnownedLineError: a line differs from upstream's that no rule and no step owns.
    """
    found = changes(model)
    hunks = Counter(owner for item in found if isinstance(item, Hunk) for owner in item.owners)
    places = dict(model.rules)
    fired = [rule for rule in rules() if places.get(rule.id) or hunks[rule.id]]
    added, removed = lines_changed(model)
    validated = load_records(model, records)
    families = {record.family for record in validated}
    return Review(
        model,
        found,
        tuple(Owner(rule.id, rule.why, places[rule.id], hunks[rule.id], rule.description) for rule in fired),
        tuple(Owner(step.id, step.why, hunks[step.id], hunks[step.id]) for step in STEPS.values() if hunks[step.id]),
        added,
        removed,
        upstream_share(model),
        _is_checked_in(model, generated),
        validated,
        tuple(known for known in of_this_code(model, swept) if known.result.family not in families),
    )


def stage_counts(record: ValidationRecord) -> Sequence[tuple[int, Counter[str]]]:
    """For Stages 1 to 4, how many scenarios ended with which status."""
    stages = [stage for result in record.results for stage in result.stages]
    numbers = sorted({stage.stage for stage in stages})
    return [(number, Counter(stage.status for stage in stages if stage.stage == number)) for number in numbers]


def _is_checked_in(model: GeneratedModel, generated: Path) -> bool:
    """Whether generating again would change neither the file nor its record."""
    try:
        text = modeling_path(generated, model.name).read_bytes().decode("utf-8")
        entry = manifest.load(generated).models.get(model.name)
    except (OSError, UnicodeDecodeError, UsageError):
        return False
    return text == model.code and entry == manifest.entry_for(model, rules_sha256())
