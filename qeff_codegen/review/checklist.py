"""The onboarding guide's checklist, ticked where the tool knows, with the command to run where it does not."""

from __future__ import annotations

from dataclasses import dataclass

from qeff_codegen.review.facts import Review
from qeff_codegen.validation.results import COMPILED, EQUAL, NOT_RUN, PREFLIGHT_FAILED, PREFLIGHT_PASSED


@dataclass(frozen=True)
class Item:
    """One line of the checklist.

    Attributes:
        known: the tool has found it to be so, just now or in a run that still counts.
        command: what to run, where that is not known; empty where only a person can tell.
    """

    text: str
    known: bool
    command: str = ""


def checklist(review: Review) -> tuple[Item, ...]:
    """Section 7 of docs/onboarding_guide.md for one model, in its order."""
    name = review.name
    validated = bool(review.records) and all(record.passed for record in review.records)
    return (
        Item(
            "`inspect` shows every role, each for the right reason.", False, f"python -m qeff_codegen inspect {name}"
        ),
        Item(
            "Generating ends with 0, and generating again leaves every file unchanged.",
            review.checked_in,
            f"python -m qeff_codegen {name}",
        ),
        Item("Every changed line belongs to a rule or a step of emission.", True),
        Item(
            "`git diff generated/` shows the new model, and of others only what a changed rule should change.",
            False,
            "git diff --stat generated/",
        ),
        Item(f"`validate` ends with 0 for `{name}`.", validated, f"python -m qeff_codegen validate {name}"),
        Item(
            "`validate` ends with 0 for every other model whose generated code changed.",
            False,
            "python -m qeff_codegen validate NAME...",
        ),
        Item(
            "No rule names a model; each new rule has its reason, an example that it changes and one that it refuses "
            "or leaves.",
            False,
            "python -m pytest tests/rewrite_rules",
        ),
        Item(
            "`make docs` leaves README and `docs/` unchanged.",
            False,
            "make docs && git diff --exit-code README.md docs",
        ),
        Item("`make test` passes.", False, "make test"),
        _stage_4(review),
    )


def _stage_4(review: Review) -> Item:
    stages = [stage for record in review.records for result in record.results for stage in result.stages]
    device = [stage for stage in stages if stage.stage == 4]
    if device and all(stage.status == EQUAL for stage in device):
        return Item("Stage 4 was run on a device: equal in every scenario.", True)
    command = f"python -m qeff_codegen validate {review.name}"
    if device and all(stage.status == NOT_RUN for stage in device):
        return Item(f"Stage 4 was run on a device. Not run: {device[0].detail}.", False, command)
    found = {stage.status for stage in device}
    if PREFLIGHT_FAILED in found:
        return Item("Stage 4 was run on a device. So far: preflight failed.", False, command)
    if found and found <= {PREFLIGHT_PASSED, COMPILED}:
        return Item(f"Stage 4 was run on a device. So far: {'; '.join(sorted(found))}.", False, command)
    return Item("Stage 4 was run on a device, or the pull request says that it was not.", False, command)
