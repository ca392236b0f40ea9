"""What a release does to each family, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from qeff_codegen.bump.diffs import FrequentChange, unified, with_changes_made
from qeff_codegen.checked_in.manifest import ManifestEntry
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import GeneratedModel, MappingEntry
from qeff_codegen.upstream.source import UpstreamModel

# Of families that are checked in.
REFUSED = "refused now"
GONE = "gone or renamed upstream"
NOT_YET = "not yet there, or renamed since"
REGENERATED = "regenerated"
SAME_CODE = "changed, generated code unchanged"
UNCHANGED = "upstream unchanged"
# Of families that are not.
NEW_GENERATES = "new, generates"
GENERATES_NOW = "refused before, generates now"
NEW_REFUSED = "new, refused"
STILL_REFUSED = "still refused"

# What must be decided first, then what changes, then what may be added.
OUTCOMES = (
    REFUSED,
    GONE,
    NOT_YET,
    REGENERATED,
    SAME_CODE,
    UNCHANGED,
    NEW_GENERATES,
    GENERATES_NOW,
    NEW_REFUSED,
    STILL_REFUSED,
)
LOST = (REFUSED, GONE, NOT_YET)
KEPT = (REGENERATED, SAME_CODE, UNCHANGED)
ADDABLE = (NEW_GENERATES, GENERATES_NOW)


@dataclass(frozen=True)
class CheckedIn:
    """A model as it is checked in, with the source it was made from.

    Attributes:
        version: the transformers release of `source`.
        source: the text of upstream's file.
        code: the text of the generated modeling file.
    """

    name: str
    entry: ManifestEntry
    version: str
    source: str
    code: str


@dataclass(frozen=True)
class Comparison:
    """What became of families that went one way together.

    Attributes:
        families: model types; those of one package, unless the new release has torn them apart.
        package: the generated package they have, or would have.
        outcome: one of `OUTCOMES`.
        before: the checked-in model; None for families that are not checked in.
        after: the new release's source; None for families that are gone.
        generated: what the new source gives; None when it is refused or gone.
        refusal: why there is no `generated`.
        note: what else there is to know: where a family went, which package serves it.
    """

    families: tuple[str, ...]
    package: str
    outcome: str
    before: CheckedIn | None = None
    after: UpstreamModel | None = None
    generated: GeneratedModel | None = None
    refusal: Refusal | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """How reports call it: the package, and the families where they have other names."""
        families = ", ".join(self.families)
        return self.package if families == self.package else f"{self.package} ({families})"

    @property
    def reason(self) -> str:
        """Why nothing is generated, in one line; empty when something is."""
        if self.refusal is None:
            return self.note if self.outcome in (GONE, NOT_YET) else ""
        place = f" ({self.refusal.location})" if self.refusal.location else ""
        return f"{self.refusal.rule}: {self.refusal.what}{place}"

    @cached_property
    def upstream_diff(self) -> str:
        """Upstream's own diff from the old release to the new; empty when there is nothing to compare."""
        if self.before is None or self.after is None:
            return ""
        old = f"{self.before.entry.upstream_path} ({self.before.version})"
        return unified(self.before.source, self.after.source, old, f"{self.after.display_path} ({self.after.version})")

    def upstream_own_diff(self, frequent: Sequence[FrequentChange]) -> str:
        """What upstream changed in this file beside what it changed in many; empty where that is all."""
        if self.before is None or self.after is None:
            return ""
        return _own_diff(self.before.source, self.after.source, frequent)

    def generated_own_diff(self, frequent: Sequence[FrequentChange]) -> str:
        """What changes in the modeling file, or the mapping, beside changes in many files."""
        if self.before is None or self.generated is None:
            return ""
        code = _own_diff(self.before.code, self.generated.code, frequent)
        old, new = _mapping_lines(self.before.entry.mappings), _mapping_lines(self.generated.mappings)
        return code + unified(old, new, "mapping before", "mapping after")

    @cached_property
    def generated_diff(self) -> str:
        """The diff of what is checked in: the modeling file, then the entries in the mapping file."""
        if self.before is None or self.generated is None:
            return ""
        old, new = (f"{name}/modeling_{name}.py" for name in (self.before.name, self.generated.name))
        code = unified(self.before.code, self.generated.code, old, new)
        old_entries, new_entries = _mapping_lines(self.before.entry.mappings), _mapping_lines(self.generated.mappings)
        return code + unified(
            old_entries, new_entries, f"mapping of {self.before.name}", f"mapping of {self.generated.name}"
        )


@dataclass(frozen=True)
class Bump:
    """All that a release does.

    Attributes:
        releases: the transformers releases the checked-in models were made from.
        version: the release to go to.
        comparisons: in the order of `OUTCOMES`, then by name.
        other_rules: checked-in models that were made by other rules, or another formatter, than those of today.
    """

    releases: tuple[str, ...]
    version: str
    comparisons: tuple[Comparison, ...]
    other_rules: tuple[str, ...]

    def of(self, *outcomes: str) -> tuple[Comparison, ...]:
        """The comparisons with one of these outcomes."""
        return tuple(item for item in self.comparisons if item.outcome in outcomes)


def _own_diff(before: str, after: str, frequent: Sequence[FrequentChange]) -> str:
    made = with_changes_made(before, after, frequent)
    return unified(made, after, "before, as many files", "after", context=1)


def _mapping_lines(entries: tuple[MappingEntry, ...]) -> str:
    lines = (
        f"{item.transform}: {item.upstream_class} -> {item.replacement_module}.{item.replacement}" for item in entries
    )
    return "".join(f"{line}\n" for line in lines)
