"""One family's way through the sweep, in a process of its own: generate, verify, validate."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, SUPPORTED, UNFIT, FamilyResult
from qeff_codegen.coverage.image_parts import ImageParts
from qeff_codegen.coverage.scenario_margins import margins_of
from qeff_codegen.coverage.swept import IMAGES, TEXT
from qeff_codegen.coverage.swept_code import code_of
from qeff_codegen.emit.steps import IMAGES_OF_ONE_SIZE
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model, inspect_model
from qeff_codegen.generated_model import IMAGES_REFUSED, GeneratedModel
from qeff_codegen.image_text.known_statements import RULE
from qeff_codegen.review.lines_changed import lines_changed
from qeff_codegen.review.upstream_share import upstream_share
from qeff_codegen.runtime.one_image import vision_of
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.image_families import build_image_config, find_image_family, image_variants
from qeff_codegen.tiny_models.release_differences import with_readable_sizes
from qeff_codegen.upstream.find import causal_lm_families, find_model
from qeff_codegen.validation.family_plan import plan_for
from qeff_codegen.validation.image_plan import ImagePlan
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.plans import plan_of
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
from qeff_codegen.validation.results import (
    COMPILED,
    DIFFERENT,
    EQUAL,
    NOT_RUN,
    PREFLIGHT_FAILED,
    PREFLIGHT_PASSED,
    REFERENCE,
    ScenarioFinished,
    ScenarioResult,
    StageResult,
)
from qeff_codegen.validation.results import FAILED as STAGE_FAILED

# Of Stage 4, the least first.
_HOW_FAR = (DIFFERENT, STAGE_FAILED, PREFLIGHT_FAILED, NOT_RUN, PREFLIGHT_PASSED, COMPILED, EQUAL)


def sweep_family(name: str, task: str, last_stage: int, folder: Path) -> FamilyResult:
    """Generate and validate one family of the installed transformers.

    Args:
        name: model type.
        task: what it is swept for.
        last_stage: the stage to stop after, 2 or 3.
        folder: an empty folder to generate into.
    """
    started = time.monotonic()
    result = (_images_refused(name) if task == IMAGES else None) or _result(name, task, last_stage, folder)
    return replace(result, seconds=round(time.monotonic() - started, 1))


def _images_refused(name: str) -> FamilyResult | None:
    """Why a family that has a causal LM too is generated without images; None where it is with them, or has none."""
    if find_image_family(name) is not None:
        return None
    try:
        upstream = find_model(name)
        found = [role for role in inspect_model(upstream) if role.role == IMAGES_REFUSED]
    except Refusal:
        return None
    if not found:
        return None
    place = f"{upstream.display_path}:{found[0].line}"
    return FamilyResult(name, REFUSED, reason=found[0].because[0], rule=RULE, place=place)


def _result(name: str, task: str, last_stage: int, folder: Path) -> FamilyResult:
    try:
        model = generate_model(find_model(name))
        write_models([model, *_text_models(name)], folder, force=False, rules_sha256=rules_sha256())
    except Refusal as refusal:
        place = str(refusal.location or "")
        return FamilyResult(name, REFUSED, reason=refusal.what, rule=refusal.rule, place=place)
    quiet_upstream()
    transforms = load_transforms(model.name, folder)
    # A causal LM of its own is swept as that, and its programs with the image-text models.
    is_text = task == TEXT and find_image_family(name) is None
    plan = (
        plan_for(find_family(name), OwnRuntime(transforms), last_stage)
        if is_text
        else plan_of(name, transforms, last_stage)
    )
    with one_thread():
        events = list(plan.run())
    results = [event.result for event in events if isinstance(event, ScenarioFinished)]
    state, reason, detail = judge(results, last_stage)
    added, removed = lines_changed(model)
    return FamilyResult(
        name,
        state,
        reason=reason,
        detail=detail,
        stages=last_stage,
        scenarios=len(results),
        layers=_layers(model, plan.family.config_class()),
        lines_added=added,
        lines_removed=removed,
        kept=upstream_share(model),
        notes=tuple(sorted({note for result in results for note in result.notes})),
        stage_4=min((_device(result).status for result in results), key=_HOW_FAR.index, default=""),
        margins=tuple(map(margins_of, results)),
        # Of the tiny model: a configuration class may say nothing of a tower unless it is told.
        images=(
            _image_parts(model, build_image_config(plan.family, plan.variants[0]))
            if isinstance(plan, ImagePlan)
            else None
        ),
        code=code_of(model),
    )


def _image_parts(model: GeneratedModel, config: Any) -> ImageParts:
    """What an image-text model is made of, as its configuration and the generated file say."""
    rewritten = {edit.function for edit in model.edits if edit.rule == IMAGES_OF_ONE_SIZE.id}
    vision = vision_of(config)
    # A model without a tower, whose patches a projection takes, says about images what it says in the configuration.
    tower = "" if vision is config else vision.model_type
    return ImageParts(tower, config.get_text_config().model_type, tuple(sorted(rewritten)))


def _text_models(name: str) -> list[GeneratedModel]:
    """What an image-text model calls in some variant: families of text models, which are generated by themselves."""
    family = find_image_family(name)
    if family is None:
        return []
    texts = [build_image_config(family, variant).get_text_config() for variant in image_variants(family)]
    causal_lms = causal_lm_families()
    # A causal LM's package serves it, or that of another family with images; or it is written with the programs.
    served_by = [text.model_type if text.model_type in causal_lms else _folder(type(text)) for text in texts]
    own = _folder(family.model_class)
    return [generate_model(find_model(package)) for package in dict.fromkeys(served_by) if package != own]


def _folder(upstream_class: type[Any]) -> str:
    """The folder of transformers' models that a class stands in."""
    return upstream_class.__module__.split(".")[-2]


def judge(results: Iterable[ScenarioResult], last_stage: int) -> tuple[str, str, str]:
    """State, one line of reason and details, from a family's scenarios.

    Generated code that differs from upstream, or does not run where upstream does, is a mismatch whatever else there
    is. Where upstream's own model does not run, or a stage asked for was left out, nothing is proved. What is equal
    and fails preflight, or does not compile, is unfit for a device.
    """
    results = list(results)
    wrong, unproved = [], []
    for result in results:
        missed = _not_passed(result, last_stage)
        defects = [stage for stage in missed if stage.stage > 1 and stage.status in (DIFFERENT, STAGE_FAILED)]
        if defects:
            wrong.append(_line(result, defects[0]))
        elif missed:
            unproved.append(_line(result, missed[0]))
    if wrong:
        return MISMATCH, f"{len(wrong)} of {len(results)} scenarios differ from upstream", "\n".join(wrong)
    if unproved:
        return FAILED, f"{len(unproved)} of {len(results)} scenarios could not be compared", "\n".join(unproved)
    if not results:
        return FAILED, "no scenario was run", ""
    unfit = [_line(result, _device(result)) for result in results if not result.passed]
    if unfit and last_stage >= 3:
        return UNFIT, f"{len(unfit)} of {len(results)} scenarios are not fit for a device", "\n".join(unfit)
    return SUPPORTED, "", ""


def _device(result: ScenarioResult) -> StageResult:
    return next((stage for stage in result.stages if stage.stage == 4), StageResult(4, NOT_RUN))


def _not_passed(result: ScenarioResult, last_stage: int) -> list[StageResult]:
    """The stages asked for that did not pass; one that is missing was not run."""
    found = {stage.stage: stage for stage in result.stages}
    stages = [found.get(number, StageResult(number, NOT_RUN)) for number in range(1, last_stage + 1)]
    return [stage for stage in stages if stage.status != (REFERENCE if stage.stage == 1 else EQUAL)]


def _line(result: ScenarioResult, stage: StageResult) -> str:
    text = f"{result.variant}, {result.scenario}: Stage {stage.stage} {stage.status}"
    return f"{text}: {stage.detail}" if stage.detail else text


def _layers(model: GeneratedModel, config: Any) -> tuple[str, ...]:
    """The kinds of layers, for a reader to see what a family stands for."""
    roles = {role.role for role in model.roles}
    text_config = with_readable_sizes(config.get_text_config())
    kinds = [kind.removesuffix("_attention") for kind in getattr(text_config, "layer_types", None) or ()]
    if not kinds and any(getattr(text_config, name, None) for name in ("sliding_window", "window_size")):
        kinds = ["window"]
    layers = list(dict.fromkeys(kinds)) or ["full"]
    if getattr(text_config, "kv_lora_rank", None):
        layers.append("latent K/V")
    if Role.ROTARY_EMBEDDING not in roles:
        layers.append("no rotary module")
    if roles & {Role.EXPERTS, Role.LISTED_EXPERTS, Role.EXPERTS_IN_LIST}:
        layers.append("experts")
    return tuple(layers)
