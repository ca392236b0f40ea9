"""One mutant from text to verdict: run by Hugging Face, generated, run again, compared."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.tiny_models.configurations import Variant, build_config, variants
from qeff_codegen.tiny_models.families import Family, find_family
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from qeff_codegen.tiny_models.release_differences import cache_argument
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.validation.comparison import Trace, compare
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.reference import call_split_matters, reference_trace
from qeff_codegen.validation.scenarios import Scenario
from tests.mutants.beside_upstream import executed, generated_classes, registered


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


# Right padding, a prompt in three chunks and one that ends with a full chunk, longer than the tiny window of 6.
SCENARIO_LENGTHS = (11, 3, 8)
SCENARIO = Scenario("mutant", (), prefill_seq_len=4, ctx_len=16, new_tokens=(4, 4, 4))
# Three prompts on two cache rows: one row is left and taken again.
CONTINUOUS = replace(SCENARIO, name="mutant, continuous batching", full_batch_size=2)
SEED = 0


class Laboratory:
    """One family: its original text, its tiny configurations, and what the original answers.

    Args:
        name: the family.
    """

    def __init__(self, name: str) -> None:
        self.upstream = find_model(name)
        self.family: Family = find_family(name)
        self.causal_lm: str = self.family.causal_lm_class.__name__
        every = variants(self.family)
        self._always = [item for item in every if item.kind == "base"] + [
            item for item in every if item.kind == "window"
        ][:1]
        self._sometimes = [item for item in every if item not in self._always]
        self._original: dict[str, Trace] = {}

    def examine(self, source: str, number: int) -> Verdict:
        """Put one mutant to the test.

        Args:
            source: the mutant's text.
            number: chooses the configuration that is tried beside base and window, and names the module.
        """
        package = self.upstream.module.rsplit(".", 1)[0]
        upstream = replace(self.upstream, module=f"{package}.mutant_{number}", source=source, causal_lm=self.causal_lm)
        chosen = list(self._always)
        if self._sometimes:
            chosen.append(random.Random(number).choice(self._sometimes))
        with registered(upstream.module, source):
            return self._examine(upstream, chosen)

    def _examine(self, upstream: UpstreamModel, chosen: list[Variant]) -> Verdict:
        trials: list[tuple[Variant, Any, Trace]] = []
        changed = False
        for variant in chosen:
            config = _config(self.family, variant)
            try:
                causal_lm = getattr(executed(upstream.module, upstream.source), self.causal_lm)
                model = build_tiny_model(causal_lm, config, SEED)
                trace = reference_trace(model, with_prompts(SCENARIO, model))
                problem = _ambiguity(model, trace)
            except Exception as error:  # a mutant may raise anything
                return Verdict(Outcome.BROKEN, f"{variant.name}: {_said(error)}")
            if not all(np.isfinite(item).all() for item in trace.logits) or not trace.logits[0].std():
                return Verdict(Outcome.BROKEN, f"{variant.name}: logits are not finite, or all the same")
            if problem:
                return Verdict(Outcome.AMBIGUOUS, f"{variant.name}: {problem}")
            changed |= not same(self._original_trace(variant), trace)
            trials.append((variant, model, trace))
        try:
            generated = generate_model(upstream)
        except Refusal as refusal:
            return Verdict(Outcome.REFUSED, f"{refusal.rule}: {refusal.what}", changed)
        except Exception as error:  # the generator must end with a refusal
            return Verdict(Outcome.LOUD, f"generating: {_said(error)}", changed)
        for variant, model, trace in trials:
            try:
                difference = _difference(generated, model, trace)
            except Exception as error:  # generated code may raise anything
                return Verdict(Outcome.LOUD, f"{variant.name}: {_said(error)}", changed)
            if difference:
                return Verdict(Outcome.SILENT, f"{variant.name}: {difference}", changed)
        return Verdict(Outcome.EQUAL, "", changed)

    def _original_trace(self, variant: Variant) -> Trace:
        if variant.name not in self._original:
            model = build_tiny_model(self.family.causal_lm_class, _config(self.family, variant), SEED)
            self._original[variant.name] = reference_trace(model, with_prompts(SCENARIO, model))
        return self._original[variant.name]


def _config(family: Family, variant: Variant) -> Any:
    """The variant's configuration. Experts run as the file says: other implementations would pass a mutant by."""
    config = build_config(family, variant)
    config._experts_implementation = "eager"
    return config


def with_prompts(scenario: Scenario, model: Any) -> Scenario:
    """The scenario with prompts in the model's vocabulary."""
    prompts = tuple(random_tokens(length, model.config.vocab_size, row) for row, length in enumerate(SCENARIO_LENGTHS))
    return replace(scenario, prompts=prompts)


def same(one: Trace, other: Trace) -> bool:
    """Whether two runs agree; a token chosen between two logits closer than the tolerance is no difference."""
    if [item.shape for item in one.logits] != [item.shape for item in other.logits]:
        return False
    found = compare(one, other)
    return found.divergence is None or found.divergence.difference <= found.tolerance


def _difference(generated: GeneratedModel, model: Any, trace: Trace) -> str:
    """Run the generated code in the place of `model`'s classes; what differs from Hugging Face, or nothing."""
    with generated_classes(generated, model):
        for scenario in (with_prompts(SCENARIO, model), with_prompts(CONTINUOUS, model)):
            other = decode_greedily(TorchDecoder(model, scenario.cache_rows, scenario.ctx_len), scenario)
            found = compare(trace, other)
            if found.divergence is not None and found.divergence.difference > found.tolerance:
                return f"{scenario.name}: {found.divergence} (tolerance {found.tolerance:.2g})"
    return ""


def _ambiguity(model: Any, trace: Trace) -> str:
    """Whether Hugging Face's own answer depends on how tokens are split into calls or batched; nothing if not."""
    scenario = with_prompts(SCENARIO, model)
    texts = [[*prompt, *tokens[:-1]] for prompt, tokens in zip(scenario.prompts, trace.tokens, strict=True)]
    if call_split_matters(model.config):
        return ""
    whole, chunked = ([_logits(model, [text], step)[0] for text in texts] for step in (None, scenario.prefill_seq_len))
    shortest = min(map(len, texts))
    together = _logits(model, [text[:shortest] for text in texts], None)
    alone = [_logits(model, [text[:shortest]], None)[0] for text in texts]
    spread = np.concatenate(trace.logits).std()
    for what, pairs in {
        "one call or several": zip(trace.logits, whole, strict=True),
        "how a prompt is split": zip(trace.logits, chunked, strict=True),
        "what else is in the batch": zip(alone, together, strict=True),
    }.items():
        for one, other in pairs:
            length = min(len(one), len(other))
            if not float(np.abs(one[-length:] - other[-length:]).max()) <= 1e-4 * spread:
                return f"the answer depends on {what}"
    return ""


def _logits(model: Any, texts: list[list[int]], step: int | None) -> np.ndarray:
    """Logits of every token, `[batch, tokens, vocab]`, of texts of one length given in calls of `step` tokens."""
    cache = DynamicCache(config=model.config)
    length = len(texts[0])
    found = []
    with torch.no_grad():
        for start in range(0, length, step or length):
            tokens = torch.tensor([text[start : start + (step or length)] for text in texts])
            found.append(model(input_ids=tokens, use_cache=True, **{cache_argument(model): cache}).logits.numpy())
    return np.concatenate(found, axis=1)


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"
