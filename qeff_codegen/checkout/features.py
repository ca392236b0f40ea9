"""The features that QEfficient's reviewers ask about, and which of them a generated model has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.checkout.change import FamilyChange
from qeff_codegen.checkout.family_text import causal_lm_class
from qeff_codegen.checkout.forward_calls import has_method, takes
from qeff_codegen.validation.results import ScenarioResult

# The roles that only a mixture of experts has.
EXPERT_ROLES = ("experts", "router")


@dataclass(frozen=True)
class Feature:
    """One line of the checklist.

    Attributes:
        supported: whether the generated code has it; not whether it was run.
        reason: in one line, why, or why not.
    """

    name: str
    supported: bool
    reason: str


def supported_features(change: FamilyChange, results: Sequence[ScenarioResult]) -> tuple[Feature, ...]:
    """Every feature of the checklist, in its order.

    Args:
        results: what the stages found with this modeling file on the checkout's runtime; may be empty.
    """
    code, causal_lm = change.model.code, causal_lm_class(change.model)
    equal = bool(results) and all(result.equal for result in results)
    features = [
        _if_taken("Continuous batching", code, causal_lm, "batch_index", "the cache's row of each input row"),
        Feature("FP32", True, _float32(equal)),
        Feature("FP16, BF16", True, "no dtype of the model's is fixed in the code; not run by the stages"),
        Feature(
            "Subfunctions",
            has_method(code, causal_lm, "get_submodules_for_export"),
            "`get_submodules_for_export` names the classes of the repeated layers",
        ),
        _if_taken("Compute context length (CCL)", code, causal_lm, "comp_ctx_lengths", "how much context is read"),
    ]
    for feature in change.features:
        name = feature.name[:1].upper() + feature.name[1:]
        reason = feature.missing or "its `forward` is called as the checkout's own code calls it"
        features.append(Feature(f"{name} (`{feature.transform}`)", not feature.missing, reason))
    if any(role.role in EXPERT_ROLES for role in change.model.roles):
        features.append(
            Feature(
                "Disaggregated serving of experts",
                False,
                "`PrefillOnlyTransform` needs a class of the experts for prefill alone, which is not generated",
            )
        )
    else:
        features.append(Feature("Disaggregated serving of experts", False, "the model has no experts"))
    return tuple(features)


def _if_taken(name: str, code: str, causal_lm: str, argument: str, what: str) -> Feature:
    if takes(code, causal_lm, argument):
        return Feature(name, True, f"`{argument}` says {what}")
    return Feature(name, False, f"its `forward` takes no `{argument}`")


def _float32(equal: bool) -> str:
    return "Stages 1 to 3 are equal" if equal else "what the stages run in"
