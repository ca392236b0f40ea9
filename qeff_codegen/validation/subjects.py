"""What is put through the stages: an upstream model with its reference answers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from qeff_codegen.tiny_models.configurations import SLIDING_WINDOW, Variant, build_config
from qeff_codegen.tiny_models.families import Family
from qeff_codegen.tiny_models.models import build_tiny_model, context_sensitivity
from qeff_codegen.tiny_models.release_differences import states_go_on
from qeff_codegen.validation.comparison import Trace, distinguishes, rounding_share
from qeff_codegen.validation.reference import call_split_matters, keeps_states, positions_matter, reference_trace
from qeff_codegen.validation.routing import RoutingWatch
from qeff_codegen.validation.scenarios import Scenario, scenarios

MAX_SEEDS = 5
# Changing the first token must move the last logits by at least this many of their standard deviations: 500 times
# what the comparison tolerates, so an attention that sees the wrong tokens cannot stay within the tolerance.
MIN_CONTEXT_SENSITIVITY = 0.05

CALL_SPLIT_NOTE = (
    "LongRoPE's answers depend on how tokens are split into calls, upstream's own too: Stage 1 was given the same "
    "chunks as the other stages."
)
WHOLE_PROMPTS_NOTE = (
    "Prompts came whole: this release starts every call of several tokens from nothing in layers that keep a state."
)
POSITIONS_NOTE = (
    "Without `position_ids` upstream's forward looks positions up in other rows than `generate()`, which gives them "
    "from 0: Stage 1 was given what `generate()` gives."
)
ROUNDING_NOTE = (
    "{where}: upstream's own float32 and float64 differ by up to {share:.2g} times what is allowed elsewhere, and so "
    "much is allowed here."
)
UNCLEAR_CHOICE = "two logits come closer than the tolerance can tell apart, so other tokens need not be a mistake"


@dataclass(frozen=True)
class Subject:
    """One upstream model, the scenarios it runs and what it answered (Stage 1).

    Attributes:
        model_name: the generated model's name.
        variant: configuration variant or checkpoint, for the report.
        model: upstream's model in eval mode, float32.
        scenarios: what to run.
        references: upstream's traces, one per scenario.
        seed: the weights' seed; None for real weights.
        sensitivity: see `context_sensitivity`; None for real weights.
        notes: what the reader must know.
        decode: turns token ids into text; None for tiny models.
        prompts: the prompts as text; empty for tiny models.
    """

    model_name: str
    variant: str
    model: Any
    scenarios: tuple[Scenario, ...]
    references: tuple[Trace, ...]
    seed: int | None = None
    sensitivity: float | None = None
    notes: tuple[str, ...] = ()
    decode: Callable[[list[int]], str] | None = None
    prompts: tuple[str, ...] = ()


def tiny_subject(family: Family, variant: Variant) -> Subject:
    """The variant's tiny model with the first seed that makes a sharp test, out of `MAX_SEEDS`.

    Sharp means: at every step the best two logits are further apart than the tolerance can blur, the model is
    sensitive to its context, and no expert is chosen by a hair. The base's router chooses every expert at some step.
    If no seed is sharp, the last one is used and a note says so.
    """
    for seed in range(MAX_SEEDS):
        with RoutingWatch() as routing:
            subject = _subject_with_seed(family, variant, seed)
        # The base has prompts enough to reach every expert; a variant is about something else.
        found = (*routing.unclear, *(routing.incomplete if variant.kind == "base" else ()))
        weaknesses = (*_weaknesses(subject), *(f"{family.name}, {variant.name}: {weakness}." for weakness in found))
        if not weaknesses:
            return subject
    return replace(subject, notes=(*subject.notes, *weaknesses))


def _subject_with_seed(family: Family, variant: Variant, seed: int) -> Subject:
    model = build_tiny_model(family.causal_lm_class, build_config(family, variant), seed)
    planned = scenarios(variant.kind, model.config.vocab_size, seed)
    notes = [CALL_SPLIT_NOTE] if call_split_matters(model.config) else []
    if notes and keeps_states(model.config) and not states_go_on():
        # Upstream has no answers to a prompt in parts, and would have others to the whole one.
        planned = tuple(replace(item, prefill_seq_len=max(map(len, item.prompts))) for item in planned)
        notes.append(WHOLE_PROMPTS_NOTE)
    # Some modules keep what the last calls were like, such as tables that are as long as these; what is mapped later
    # starts from the model as it was made.
    answering = copy.deepcopy(model)
    notes += [POSITIONS_NOTE] if positions_matter(answering) else []
    references = tuple(reference_trace(answering, scenario) for scenario in planned)
    widest = max(map(rounding_share, references))
    if widest > 1:
        notes.append(ROUNDING_NOTE.format(where=f"{family.name}, {variant.name}", share=widest))
    return Subject(
        model_name=family.name,
        variant=variant.name,
        model=model,
        scenarios=planned,
        references=references,
        seed=seed,
        # Within one window the first token is seen by the last one, whatever the number of layers.
        sensitivity=context_sensitivity(answering, length=SLIDING_WINDOW),
        notes=tuple(notes),
    )


def _weaknesses(subject: Subject) -> tuple[str, ...]:
    """What could let a wrong model pass, or a right one fail; nothing for a sharp test."""
    where = f"{subject.model_name}, {subject.variant}"
    found = []
    if not all(distinguishes(reference) for reference in subject.references):
        found.append(f"{where}: {UNCLEAR_CHOICE}, with every seed below {MAX_SEEDS}.")
    if subject.sensitivity is not None and subject.sensitivity < MIN_CONTEXT_SENSITIVITY:
        found.append(f"{where}: an early token hardly moves the last logits, so a wrong mask could go unnoticed.")
    return tuple(found)
