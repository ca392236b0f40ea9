"""One mutant from text to verdict: run by Hugging Face, generated, run again, compared."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.deploy.long_context import long_context_of
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.exported_graph import GRAPH_FILE
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kv_cache import cache_of
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.tiny_models.configurations import Variant, build_config, variants
from qeff_codegen.tiny_models.families import Family, find_family, is_of_transformers
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from qeff_codegen.tiny_models.release_differences import cache_argument
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.validation.comparison import Trace, compare, tolerance_for
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.older_caches import OlderCaches
from qeff_codegen.validation.reference import begins_without_cache, call_split_matters, keeps_states, reference_trace
from qeff_codegen.validation.scenarios import Scenario
from tests.mutants.beside_upstream import executed, generated_classes, registered
from tests.mutants.mutants import Ground, Mutant, text_ground
from tests.mutants.remote_fixtures import FIXTURES, fixture
from tests.mutants.verdict import FirstDifference, Outcome, Undecided, Verdict, said, verdict_on


@dataclass(frozen=True)
class _Trial:
    """One configuration of a mutant: Hugging Face's model and what it answers.

    Attributes:
        name: the variant's.
        ambiguities: what else the answer depends on, but for what the original's depends on too.
        changed: the original answers otherwise.
    """

    name: str
    model: Any
    trace: Trace
    ambiguities: tuple[str, ...]
    changed: bool


_Differences = Callable[[_Trial], Iterator[str]]


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
        self.upstream: UpstreamModel
        self.family: Family
        self.upstream, self.family = fixture(name) if name in FIXTURES else (find_model(name), find_family(name))
        self.causal_lm: str = self.family.causal_lm_class.__name__
        every = variants(self.family)
        self._always = [item for item in every if item.kind == "base"] + [
            item for item in every if item.kind == "window"
        ][:1]
        self._sometimes = [item for item in every if item not in self._always and item.kind != "states"]
        self._original: dict[str, tuple[Trace, tuple[str, ...]]] = {}

    @property
    def ground(self) -> Ground:
        """What of the text is changed."""
        return text_ground(self.causal_lm)

    def examine_mutant(self, mutant: Mutant) -> Verdict:
        """Put a mutant to the test that its mutators call for."""
        examine = self.examine_trap if mutant.is_token_trap else self.examine
        if mutant.is_state_trap:
            examine = self.examine_state_trap
        return examine(mutant.source, mutant.number)

    def examine(self, source: str, number: int) -> Verdict:
        """Put one mutant to the test.

        Args:
            source: the mutant's text.
            number: chooses the configuration that is tried beside base and window, and names the module.
        """

        def judged(upstream: UpstreamModel, trials: list[_Trial]) -> Verdict:
            ambiguous = _ambiguous(trials)
            if ambiguous:
                return Verdict(Outcome.AMBIGUOUS, ambiguous)
            return verdict_on(upstream, trials, _in_the_place_of(_differences_in_pytorch))

        return self._examined(source, number, judged)

    def examine_trap(self, source: str, number: int) -> Verdict:
        """Put one mutant to the test whose answer may depend on how its tokens are split into calls.

        Such an answer no generated code can give, so that it must be refused: what is generated and answers otherwise
        than upstream does to whole prompts is wrong. And what is decided by lengths is decided once in a graph, which
        is run as well.
        """
        return self._examined(source, number, _judged_with_graph)

    def examine_state_trap(self, source: str, number: int) -> Verdict:
        """Put one mutant to the test that keeps its states otherwise.

        As `examine_trap`; and where the original gives one answer and the mutant several, nobody knows which of them
        is meant: it must be refused, whichever of them generated code would give.
        """

        def judged(upstream: UpstreamModel, trials: list[_Trial]) -> Verdict:
            verdict, ambiguous = _judged_with_graph(upstream, trials), _ambiguous(trials)
            if ambiguous and verdict.outcome is Outcome.EQUAL:
                return replace(verdict, outcome=Outcome.SILENT, detail=f"generated, though {ambiguous}")
            return verdict

        return self._examined(source, number, judged)

    def _examined(self, source: str, number: int, judge: Callable[[UpstreamModel, list[_Trial]], Verdict]) -> Verdict:
        own = is_of_transformers(self.family.causal_lm_class)
        with self._registered(source, number) as upstream, nullcontext() if own else OlderCaches().answering():
            try:
                trials = self._trials(upstream, number)
            except Undecided as undecided:
                return undecided.verdict
            return judge(upstream, trials)

    @contextmanager
    def _registered(self, source: str, number: int) -> Iterator[UpstreamModel]:
        package = self.upstream.module.rsplit(".", 1)[0]
        upstream = replace(self.upstream, module=f"{package}.mutant_{number}", source=source, causal_lm=self.causal_lm)
        with registered(upstream.module, source):
            yield upstream

    def _trials(self, upstream: UpstreamModel, number: int) -> list[_Trial]:
        """What Hugging Face answers.

        Raises:
            Undecided: it has no answer.
        """
        chosen = list(self._always)
        if self._sometimes:
            chosen.append(random.Random(number).choice(self._sometimes))
        trials = []
        for variant in chosen:
            config = _config(self.family, variant)
            try:
                causal_lm = getattr(executed(upstream.module, upstream.source), self.causal_lm)
                model = build_tiny_model(causal_lm, config, SEED)
                trace = reference_trace(model, with_prompts(SCENARIO, model))
                ambiguities = _ambiguities(model, trace)
            except Exception as error:  # a mutant may raise anything
                raise Undecided(f"{variant.name}: {said(error)}") from error
            if not all(np.isfinite(item).all() for item in trace.logits) or not trace.logits[0].std():
                raise Undecided(f"{variant.name}: logits are not finite, or all the same")
            original, known = self._original_answer(variant)
            new = tuple(item for item in ambiguities if item not in known)
            trials.append(_Trial(variant.name, model, trace, new, not same(original, trace)))
        return trials

    def _original_answer(self, variant: Variant) -> tuple[Trace, tuple[str, ...]]:
        """What the original answers, and what else that depends on: some start from empty states in every call."""
        if variant.name not in self._original:
            model = build_tiny_model(self.family.causal_lm_class, _config(self.family, variant), SEED)
            trace = reference_trace(model, with_prompts(SCENARIO, model))
            self._original[variant.name] = trace, _ambiguities(model, trace)
        return self._original[variant.name]


def _judged_with_graph(upstream: UpstreamModel, trials: list[_Trial]) -> Verdict:
    return verdict_on(upstream, trials, _in_the_place_of(_differences_with_graph))


def _ambiguous(trials: list[_Trial]) -> str:
    """The first of what the mutant's answer depends on and the original's does not; nothing if there is none."""
    return next((f"{trial.name}: {trial.ambiguities[0]}" for trial in trials if trial.ambiguities), "")


def _config(family: Family, variant: Variant) -> Any:
    """The variant's configuration. Experts run as the file says: other implementations would pass a mutant by."""
    config = build_config(family, variant)
    config._experts_implementation = "eager"
    return config


def with_prompts(scenario: Scenario, model: Any) -> Scenario:
    """The scenario with prompts in the model's vocabulary."""
    prompts = tuple(random_tokens(length, model.config.vocab_size, row) for row, length in enumerate(SCENARIO_LENGTHS))
    return replace(scenario, prompts=prompts, long_context=long_context_of(model))


def same(one: Trace, other: Trace) -> bool:
    """Whether two runs agree; a token chosen between two logits closer than the tolerance is no difference."""
    if [item.shape for item in one.logits] != [item.shape for item in other.logits]:
        return False
    found = compare(one, other)
    return found.divergence is None or found.divergence.difference <= found.tolerance


def _in_the_place_of(differences: _Differences) -> FirstDifference[_Trial]:
    """The first difference, with the generated code in the place of the model's classes."""

    def first(generated: GeneratedModel, trial: _Trial) -> str:
        with generated_classes(generated, trial.model):
            return next(differences(trial), "")

    return first


def _differences_in_pytorch(trial: _Trial) -> Iterator[str]:
    """Run the generated code that stands in the place of the model's classes; what differs from Hugging Face."""
    for scenario in (with_prompts(SCENARIO, trial.model), with_prompts(CONTINUOUS, trial.model)):
        yield from _difference(trial, scenario, TorchDecoder(trial.model, scenario.cache_rows, scenario.ctx_len))


def _differences_with_graph(trial: _Trial) -> Iterator[str]:
    """The same, and what the graph that is exported from it answers otherwise."""
    yield from _differences_in_pytorch(trial)
    scenario = with_prompts(SCENARIO, trial.model)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        path = export_onnx(trial.model, Path(folder) / GRAPH_FILE, ExportSpec(ctx_len=scenario.ctx_len))
        session = OrtDecoderSession(path, scenario.cache_rows, scenario.ctx_len)
        yield from (f"ONNX Runtime, {item}" for item in _difference(trial, scenario, session))


def _difference(trial: _Trial, scenario: Scenario, decoder: Decoder) -> Iterator[str]:
    found = compare(trial.trace, decode_greedily(decoder, scenario))
    if found.divergence is not None and not found.divergence.difference <= found.tolerance:
        yield f"{scenario.name}: {found.divergence} (tolerance {found.tolerance:.2g})"


def _ambiguities(model: Any, trace: Trace) -> tuple[str, ...]:
    """Whether Hugging Face's own answer depends on how tokens are split into calls or batched; nothing if not."""
    scenario = with_prompts(SCENARIO, model)
    if call_split_matters(model.config):
        return ()
    texts = [[*prompt, *tokens[:-1]] for prompt, tokens in zip(scenario.prompts, trace.tokens, strict=True)]
    # A model with states was asked for whole texts; any other for a prompt, then for a token after the other.
    once = scenario.prompts if keeps_states(model.config) else texts
    others = [_logits(model, [text], [len(first)])[0] for text, first in zip(texts, once, strict=True)]
    chunked = [_logits(model, [text], [scenario.prefill_seq_len] * len(text))[0] for text in texts]
    shortest = min(map(len, texts))
    together = _logits(model, [text[:shortest] for text in texts], [shortest])
    alone = [_logits(model, [text[:shortest]], [shortest])[0] for text in texts]
    compared = {
        "one call or several": zip(trace.logits, others, strict=True),
        "how a prompt is split": zip(trace.logits, chunked, strict=True),
        "what else is in the batch": zip(alone, together, strict=True),
    }
    return tuple(
        f"the answer depends on {what}"
        for what, pairs in compared.items()
        if not all(_near(one, other, tolerance_for(trace)) for one, other in pairs)
    )


def _near(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    """Whether the last logits of both are the same, as many as both have."""
    length = min(len(one), len(other))
    return float(np.abs(one[-length:] - other[-length:]).max()) <= tolerance


def _logits(model: Any, texts: list[list[int]], calls: list[int]) -> np.ndarray:
    """Logits of every token, `[batch, tokens, vocab]`, of texts of one length, given in calls of so many tokens.

    What is left over is given token by token.
    """
    makes_cache = not keeps_states(model.config) and begins_without_cache(model)
    cache = None if makes_cache else DynamicCache(config=model.config)
    found, seen = [], 0
    with torch.no_grad():
        while seen < len(texts[0]):
            count, calls = (calls[0], calls[1:]) if calls else (1, calls)
            tokens = torch.tensor([text[seen : seen + count] for text in texts])
            given: dict[str, Any] = {cache_argument(model): cache}
            if keeps_states(model.config):
                # Some count positions from 0 in every call.
                given["position_ids"] = torch.arange(seen, seen + tokens.shape[1])[None]
            output = model(input_ids=tokens, use_cache=True, **given)
            cache = cache_of(output) if makes_cache else cache
            found.append(output.logits.numpy())
            seen += tokens.shape[1]
    return np.concatenate(found, axis=1)
