"""The whole of `validate`: every named model, every variant, and real weights if asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from qeff_codegen.checked_in.generated_code import GeneratedTransforms, load_transforms
from qeff_codegen.deploy.packaged_weights import PackagedWeights, check_weights, fetch
from qeff_codegen.remote_code.load import RemoteClasses
from qeff_codegen.tiny_models.remote_family import remote_family
from qeff_codegen.validation.family_plan import Plan, plan_for
from qeff_codegen.validation.image_plan import ImagePlan
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.plans import plan_of
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
from qeff_codegen.validation.real_text import real_rows, real_subject
from qeff_codegen.validation.report import shown
from qeff_codegen.validation.results import Outcome, ScenarioFinished, StageStarted
from qeff_codegen.validation.stages import run_stages


def validate_models(
    names: Sequence[str],
    weights: PackagedWeights | None,
    generated: Path,
    console: Console,
    remote: RemoteClasses | None = None,
    in_detail: bool = False,
) -> Outcome:
    """Validate each name in turn, showing progress and a summary on `console`.

    Args:
        names: generated models.
        weights: real weights to run as well; their model must be among `names`.
        generated: the folder the models were generated into.
        console: where progress goes.
        remote: the classes of the one model that is named, where it is not in transformers.
        in_detail: also show all that was measured in each scenario.

    Raises:
        UsageError: a name is unknown or not generated, or the weights belong to another model or cannot be fetched.
    """
    check_weights(weights, names)
    # Generated first: the cheaper check, and the one whose message says what to run.
    loaded = [load_transforms(name, generated) for name in dict.fromkeys(names)]
    quiet_upstream()
    plans = [_plan(name, transforms, remote) for name, transforms in zip(dict.fromkeys(names), loaded, strict=True)]
    if weights is not None:
        # A download that fails should fail before the tiny models have run.
        fetch(weights)
    rows = [row for plan in plans for row in plan.rows()]
    rows += [] if weights is None else real_rows(weights)
    return Outcome(shown(console, rows, _events(plans, weights), in_detail))


def _plan(name: str, transforms: GeneratedTransforms, remote: RemoteClasses | None) -> Plan | ImagePlan:
    """What a family is put through: of transformers, or with the classes that a user brings."""
    if remote is not None:
        return plan_for(remote_family(name, remote), OwnRuntime(transforms))
    return plan_of(name, transforms)


def _events(
    plans: Sequence[Plan | ImagePlan], weights: PackagedWeights | None
) -> Iterator[StageStarted | ScenarioFinished]:
    with one_thread():
        for plan in plans:
            yield from plan.run()
    if weights is not None:
        text_plans = (plan for plan in plans if isinstance(plan, Plan))
        runtime = next(plan.runtime for plan in text_plans if plan.family.name == weights.model_type)
        yield from (StageStarted(row, 1) for row in real_rows(weights))
        yield from run_stages(real_subject(weights), runtime)
