"""The features that QEfficient's reviewers ask about, and which of them a generated model has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qeff_codegen.checkout.family_change import FamilyChange
from qeff_codegen.checkout.family_text import causal_lm_class
from qeff_codegen.checkout.forward_calls import has_method, takes
from qeff_codegen.validation.results import NOT_RUN, ScenarioResult

YES = "yes"
NO = "no"
# In the names of the roles that only a mixture of experts has.
EXPERT = "expert"
# What the names of an image-text model's class and of its language program end in.
_OF_WHOLE = "ForConditionalGeneration"
_OF_LANGUAGE = "DecoderWrapper"


@dataclass(frozen=True)
class Feature:
    """One line of the checklist.

    Attributes:
        supported: `yes` where the generated code has it, which does not say that it was run; `no`; or `not run` where
            only running it would tell.
        reason: in one line, why, or why not.
    """

    name: str
    supported: str
    reason: str


def supported_features(change: FamilyChange, results: Sequence[ScenarioResult]) -> tuple[Feature, ...]:
    """Every feature of the checklist, in its order.

    Args:
        results: what the stages found with this modeling file on the checkout's runtime; may be empty.
    """
    return tuple(_features(change, bool(results) and all(result.equal for result in results)))


def _features(change: FamilyChange, equal: bool) -> Iterator[Feature]:
    code, causal_lm = change.model.code, causal_lm_class(change.model)
    has_images = change.model.upstream.image_text is not None
    if has_images:
        yield from _of_images(code)
        # What runs the text model, and what such features change.
        causal_lm = causal_lm.removesuffix(_OF_WHOLE) + _OF_LANGUAGE
    yield _if_taken("Continuous batching", code, causal_lm, "batch_index", "which row of the cache an input row uses")
    if equal:
        yield Feature("FP32", YES, "Stages 1 to 3 are equal in it")
    else:
        yield Feature("FP32", NOT_RUN, "the stages run in it")
    yield Feature("FP16, BF16", NOT_RUN, "the stages run in FP32 alone")
    repeated = "get_submodules_for_export"
    if has_method(code, causal_lm, repeated):
        yield Feature("Subfunctions", YES, f"`{repeated}` names the classes of the repeated layers")
    else:
        yield Feature("Subfunctions", NO, f"it has no `{repeated}`")
    yield _if_taken("Compute context length (CCL)", code, causal_lm, "comp_ctx_lengths", "how much context is read")
    if has_images:
        yield Feature("On-device sampling (`SamplerTransform`)", NO, "a new language program is not entered there")
        return
    for feature in change.features:
        name = f"{feature.name[:1].upper()}{feature.name[1:]} (`{feature.transform}`)"
        reason = feature.missing or "its `forward` does what the checkout's own code expects of it"
        yield Feature(name, NO if feature.missing else YES, reason)
    has_experts = any(EXPERT in role.role for role in change.model.roles)
    yield Feature(
        "Disaggregated serving of experts",
        NO,
        (
            "`PrefillOnlyTransform` needs another class of the experts for prefill, which is not generated"
            if has_experts
            else "the model has no experts"
        ),
    )


def _of_images(code: str) -> Iterator[Feature]:
    yield Feature("Two programs (`kv_offload=True`)", YES, "it gives a vision encoder and a language decoder")
    yield Feature("One program (`kv_offload=False`)", YES, "its `forward` runs both; the stages run the two alone")
    several = '"max_num_images"}' in code
    reason = "the number of images is an axis" if several else "the vision program takes one image in a call"
    yield Feature("Several images in one call", YES if several else NO, reason)
    yield Feature("Several prompts at once", NO, "`image_idx` counts for one prompt; continuous batching has several")


def _if_taken(name: str, code: str, causal_lm: str, argument: str, what: str) -> Feature:
    if takes(code, causal_lm, argument):
        return Feature(name, YES, f"`{argument}` says {what}")
    return Feature(name, NO, f"its `forward` takes no `{argument}`")
