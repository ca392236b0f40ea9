"""What becomes of a mutant: generated and compared, it is refused, equal, fails loudly, or is silently wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.source import UpstreamModel


class Outcome(StrEnum):
    """How a mutant ended; the first two do not count, since Hugging Face has no one answer to compare with."""

    BROKEN = "upstream broken"
    AMBIGUOUS = "upstream ambiguous"
    REFUSED = "refused"
    EQUAL = "equal"
    LOUD = "failed loudly"
    SILENT = "SILENTLY WRONG"

    @property
    def counts(self) -> bool:
        """Whether the generator was put to the test."""
        return self not in (Outcome.BROKEN, Outcome.AMBIGUOUS)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        detail: why, in a line or two.
        changed_numbers: Hugging Face's logits for the mutant differ from those for the original.
    """

    outcome: Outcome
    detail: str = ""
    changed_numbers: bool = False


class Undecided(Exception):
    """Hugging Face has no answer to compare with."""

    def __init__(self, why: str) -> None:
        self.verdict = Verdict(Outcome.BROKEN, why)
        super().__init__(why)


class Trial(Protocol):
    """One configuration of a mutant, for which Hugging Face has an answer."""

    @property
    def name(self) -> str:
        """The configuration's."""

    @property
    def changed(self) -> bool:
        """Whether the original answers otherwise."""


Tried = TypeVar("Tried", bound=Trial)
# What generated code answers otherwise than Hugging Face in one trial; nothing where it answers the same.
FirstDifference = Callable[[GeneratedModel, Tried], str]


def verdict_on(upstream: UpstreamModel, trials: Sequence[Tried], difference: FirstDifference[Tried]) -> Verdict:
    """Generate a mutant, and see trial by trial whether it answers what Hugging Face does."""
    changed = any(trial.changed for trial in trials)
    try:
        generated = generate_model(upstream)
    except Refusal as refusal:
        return Verdict(Outcome.REFUSED, f"{refusal.rule}: {refusal.what}", changed)
    except Exception as error:  # the generator must end with a refusal
        return Verdict(Outcome.LOUD, f"generating: {said(error)}", changed)
    for trial in trials:
        try:
            found = difference(generated, trial)
        except Refusal as refusal:  # what is exported is held against what was proved
            return Verdict(Outcome.REFUSED, f"{refusal.rule}: {refusal.what}", changed)
        except Exception as error:  # generated code may raise anything
            return Verdict(Outcome.LOUD, f"{trial.name}: {said(error)}", changed)
        if found:
            return Verdict(Outcome.SILENT, f"{trial.name}: {found}", changed)
    return Verdict(Outcome.EQUAL, "", changed)


def said(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"
