"""The whole of `sweep`: which families, what is still current, and what to run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from qeff_codegen.coverage.family_result import FAILED, FamilyResult
from qeff_codegen.coverage.swept import IMAGES, TEXT
from qeff_codegen.errors import UsageError
from qeff_codegen.sweep.kept_results import KeptResults
from qeff_codegen.sweep.measured_seconds import longest_first
from qeff_codegen.sweep.progress import reporting
from qeff_codegen.sweep.result_key import result_key
from qeff_codegen.sweep.workers import FamilyRunner, Finished, run_families
from qeff_codegen.upstream.find import BLUEPRINT, causal_lm_families, image_text_families
from qeff_codegen.upstream.transformers_text import installed_transformers

# What every worker imports and reads, once.
PRELOAD = (
    "qeff_codegen.sweep.family",
    "qeff_codegen.sweep.rules_read",
    "rewrite_rules.vocabulary",
    "transformers.models.auto.modeling_auto",
    "transformers.modeling_rope_utils",
    "transformers.masking_utils",
    "transformers.models.llama.modeling_llama",
    "torch.onnx",
    "onnxruntime",
)


@dataclass(frozen=True)
class Sweep:
    """How to sweep.

    Attributes:
        run: what is done with one family, in a process of its own.
        key: what a family's result depends on, as one string.
        kept: where results are kept between sweeps.
        jobs: processes at a time.
        time_limit: seconds for one family.
        preload: modules each process needs.
    """

    run: FamilyRunner
    key: Callable[[str], str]
    kept: KeptResults
    jobs: int
    time_limit: float
    preload: Sequence[str] = PRELOAD

    def over(self, families: Sequence[str], console: Console, seconds: Mapping[str, float]) -> list[FamilyResult]:
        """Results of all `families`, in their order; those that are still current are not run again.

        Args:
            seconds: how long families took before; the longest are begun first.
        """
        keys = {family: self.key(family) for family in families}
        loaded = {family: self.kept.load(family, keys[family]) for family in families}
        results = {family: result for family, result in loaded.items() if result is not None}
        missing = [family for family in families if family not in results]
        if results:
            console.print(f"Unchanged since they were last swept: {len(results)} of {len(families)}.")
        with ExitStack() as stack:
            # In a folder of its own: its name is the name of the package that generated code is imported as.
            scratch = stack.enter_context(TemporaryDirectory(prefix="qeff_codegen-sweep-", ignore_cleanup_errors=True))
            reporter = stack.enter_context(reporting(console, len(families)))
            for result in results.values():
                reporter.show(Finished(result))
            events = run_families(
                longest_first(missing, seconds),
                self.run,
                jobs=self.jobs,
                time_limit=self.time_limit,
                scratch=Path(scratch),
                preload=self.preload,
            )
            # Closed first, so that nothing runs on when the sweep is stopped.
            for event in stack.enter_context(closing(events)):
                if isinstance(event, Finished):
                    results[event.result.family] = event.result
                    self._keep(event.result, keys[event.result.family])
                reporter.show(event)
        return [results[family] for family in families]

    def _keep(self, result: FamilyResult, key: str) -> None:
        """Keep what was found out. What could not be may be the machine's fault, and is tried again next time."""
        if result.state != FAILED:
            self.kept.save(result, key)


def sweep_with(task: str, last_stage: int, work: Path, jobs: int, time_limit: float) -> Sweep:
    """A sweep over the installed transformers for one task, up to `last_stage`, that keeps its results in `work`."""
    # A family of both tables is swept for each: its name may stand for another class in the other.
    folder = f"stages-1-{last_stage}" if task == TEXT else f"{task}-stages-1-{last_stage}"
    return Sweep(
        run=partial(_run_one, task, last_stage),
        key=partial(_key, last_stage),
        # Apart, so that a quick sweep does not cost the results of a long one.
        kept=KeptResults(work / folder),
        jobs=jobs,
        time_limit=time_limit,
    )


def families_to_sweep(asked: Sequence[str], task: str = TEXT) -> tuple[str, ...]:
    """All families of a task, or those asked for; without images, those may be image-text models and Blueprint too.

    Raises:
        UsageError: a family is unknown.
    """
    text, images = causal_lm_families(), tuple(sorted(installed_transformers().tables.image_text))
    known = text if task == TEXT else images
    possible = known if task == IMAGES else (*text, *image_text_families(), BLUEPRINT)
    for family in asked:
        if family not in possible:
            near = difflib.get_close_matches(family, known, n=3)
            hint = f" Near names: {', '.join(near)}." if near else ""
            what = "a causal LM" if task == TEXT else "an image-text model"
            raise UsageError(f"The installed transformers has no family `{family}` with {what}.{hint}")
    return tuple(dict.fromkeys(asked)) or known


def _run_one(task: str, last_stage: int, family: str, folder: Path) -> FamilyResult:
    # Brings torch and transformers along, which the process that only watches does not need.
    from qeff_codegen.sweep.family import sweep_family

    return sweep_family(family, task, last_stage, folder)


def _key(last_stage: int, family: str) -> str:
    return result_key(family, last_stage)
