"""One mutant of an image-text model from text to verdict: run by Hugging Face with pixels, generated, compared."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.generate.one_model import read
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.image_text.recognise import recognise_image_text
from qeff_codegen.tiny_models.configurations import Variant
from qeff_codegen.tiny_models.image_families import build_image_config, find_image_family, image_variants
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.validation.comparison import Trace, compare
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.image_bench import ImageBench
from qeff_codegen.validation.image_subject import ImageSubject, answered, image_subject
from qeff_codegen.validation.scenarios import Scenario
from tests.mutants.beside_upstream import executed, generated_transforms, registered
from tests.mutants.image_ambiguities import OTHER_ROWS, ambiguities_of
from tests.mutants.image_sites import functions_that_run
from tests.mutants.laboratory import same
from tests.mutants.mutants import Ground, Mutant, image_ground
from tests.mutants.verdict import Outcome, Undecided, Verdict, said, verdict_on

# Text models of other files are mapped by what is checked in of their families.
GENERATED = Path(__file__).parents[2] / "generated"


@dataclass(frozen=True)
class _Trial:
    """One configuration of a mutant: Hugging Face's model with its images, and what it answers.

    Attributes:
        subject: it.
        ambiguities: what else the answer depends on, but for what the original's depends on too.
        changed: the original answers otherwise.
    """

    subject: ImageSubject
    ambiguities: tuple[str, ...]
    changed: bool

    @property
    def name(self) -> str:
        """The configuration's."""
        return self.subject.variant


class ImageLaboratory:
    """One image-text family: its original text, its tiny configurations, and what the original answers.

    Args:
        name: the family.
    """

    def __init__(self, name: str) -> None:
        self.upstream: UpstreamModel = find_model(name)
        found = find_image_family(name)
        assert found is not None and self.upstream.image_text is not None
        self._family, self._class = found, self.upstream.image_text
        self._variants = image_variants(found)
        # What a processor says of a prompt's tokens it says of a mutant's too.
        self._recognised = recognise_image_text(read(self.upstream)[0]).both_ways
        self._original: dict[str, tuple[ImageSubject, tuple[str, ...]]] = {}

    @cached_property
    def ground(self) -> Ground:
        """What of the text is changed: what runs of it when a model is made of its class and answers."""
        with self._registered(self.upstream.source, "original") as upstream:
            model_class = getattr(executed(upstream.module, upstream.source), self._class)
            with functions_that_run(sys.modules[upstream.module]) as ran:
                self._answered(model_class, self._variants[0], seed=0)
        return image_ground(ran())

    def examine_mutant(self, mutant: Mutant) -> Verdict:
        """Put a mutant to the test that its mutators call for."""
        examine = self.examine_trap if mutant.is_image_trap else self.examine
        return examine(mutant.source, mutant.number)

    def examine(self, source: str, number: int) -> Verdict:
        """Put one mutant to the test.

        Args:
            source: the mutant's text.
            number: chooses the configuration that is tried beside the base, and names the module.
        """
        return self._examined(source, number, is_trap=False)

    def examine_trap(self, source: str, number: int) -> Verdict:
        """Put one mutant to the test that does something else with images.

        What is generated has to answer as Hugging Face does to whole prompts, of which positions are made too. Where
        that answer depends on other rows, as it does where features depend on other rows' images, the mutant must be
        refused, whichever of its answers generated code would give.
        """
        return self._examined(source, number, is_trap=True)

    def _examined(self, source: str, number: int, *, is_trap: bool) -> Verdict:
        with self._registered(source, f"mutant_{number}") as upstream:
            try:
                trials = list(self._trials(upstream, number))
            except Undecided as undecided:
                return undecided.verdict
            ambiguous = next((f"{trial.name}: {trial.ambiguities[0]}" for trial in trials if trial.ambiguities), "")
            if ambiguous and not is_trap:
                return Verdict(Outcome.AMBIGUOUS, ambiguous)
            verdict = verdict_on(upstream, trials, _first_difference)
            if verdict.outcome is Outcome.EQUAL and any(OTHER_ROWS in trial.ambiguities for trial in trials):
                return replace(verdict, outcome=Outcome.SILENT, detail=f"generated, though {OTHER_ROWS}")
            return verdict

    @contextmanager
    def _registered(self, source: str, name: str) -> Iterator[UpstreamModel]:
        """The text as a module beside the installed one, whose text models the Auto classes go on to build."""
        package = self.upstream.module.rsplit(".", 1)[0]
        upstream = replace(self.upstream, module=f"{package}.{name}", source=source)
        with registered(upstream.module, source):
            yield upstream

    def _trials(self, upstream: UpstreamModel, number: int) -> Iterator[_Trial]:
        """What Hugging Face answers.

        Raises:
            Undecided: it has no answer.
        """
        base, *others = self._variants
        for variant in (base, *([random.Random(number).choice(others)] if others else [])):
            original, known = self._original_answer(variant)
            try:
                model_class = getattr(executed(upstream.module, upstream.source), self._class)
                subject = self._answered(model_class, variant, original.seed or 0)
                found = ambiguities_of(subject, self._both_ways(variant))
            except Exception as error:  # a mutant may raise anything
                raise Undecided(f"{variant.name}: {said(error)}") from error
            answers = [item for reference in subject.references for item in reference.logits]
            if not all(np.isfinite(item).all() for item in answers) or not answers[0].std():
                raise Undecided(f"{variant.name}: logits are not finite, or all the same")
            changed = not all(map(same, original.references, subject.references))
            yield _Trial(subject, tuple(item for item in found if item not in known), changed)

    def _original_answer(self, variant: Variant) -> tuple[ImageSubject, tuple[str, ...]]:
        """What the original answers, with weights of which it is a sharp test, and what else that depends on."""
        if variant.name not in self._original:
            both_ways = self._both_ways(variant)
            subject = image_subject(self._family, variant, both_ways)
            self._original[variant.name] = subject, ambiguities_of(subject, both_ways)
        return self._original[variant.name]

    def _answered(self, model_class: type[Any], variant: Variant, seed: int) -> ImageSubject:
        config = build_image_config(self._family, variant)
        model = build_tiny_model(model_class, config, seed)
        return answered(model, self._family.name, variant, seed, self._both_ways(variant))

    def _both_ways(self, variant: Variant) -> str | None:
        """Whose tokens attend to one another both ways in a configuration: `image`, `prompt`, or None."""
        found = self._recognised
        if found is None or not found.asked:
            return None if found is None else found.kind
        text = build_image_config(self._family, variant).get_text_config()
        return found.kind if text.use_bidirectional_attention == "vision" else None


def _first_difference(generated: GeneratedModel, trial: _Trial) -> str:
    with _bench(generated, trial.subject) as bench:
        return next(_differences(bench, trial.subject), "")


@contextmanager
def _bench(generated: GeneratedModel, subject: ImageSubject) -> Iterator[ImageBench]:
    """The two programs that the generated classes give, the text model's by its own family's where it has one."""
    of_families = load_transforms(subject.model_name, GENERATED).transforms
    with generated_transforms(generated) as transforms, tempfile.TemporaryDirectory(prefix="mutant-") as folder:

        def apply(model: Any) -> Any:
            for transform in (*transforms, *of_families):
                transform.apply(model)
            return model

        yield ImageBench(subject, apply, Path(folder))


def _differences(bench: ImageBench, subject: ImageSubject) -> Iterator[str]:
    """What the programs answer otherwise than Hugging Face, scenario by scenario.

    Graphs first, since what they are held against when they are exported is a refusal. They run each scenario but
    continuous batching, for which everything would be exported once more.
    """
    for where, decoder in (("ONNX Runtime", bench.onnx), ("PyTorch", bench.pytorch)):
        for scenario, reference in zip(subject.scenarios, subject.references, strict=True):
            if scenario.full_batch_size is None or decoder == bench.pytorch:
                yield from _difference(f"{where}, {scenario.name}", scenario, reference, decoder(scenario))


def _difference(where: str, scenario: Scenario, reference: Trace, decoder: Any) -> Iterator[str]:
    found = compare(reference, decode_greedily(decoder, scenario))
    if found.divergence is not None and not found.divergence.difference <= found.tolerance:
        yield f"{where}: {found.divergence} (tolerance {found.tolerance:.2g})"
