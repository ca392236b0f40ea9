"""Break a rule on purpose: the checks and stages that stand behind it must notice.

Each proof generates a real model with one rule broken and asks for the failure; the same model from the whole rule is
the counter-check, so that a stage that fails for another reason cannot pass for a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.anatomy.rms_norm import NormKind
from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine import rule_set
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.targets.target import RMS_NORMS
from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.upstream.find import find_model
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.results import ScenarioFinished, ScenarioResult
from qeff_codegen.validation.stages import run_stages
from qeff_codegen.validation.subjects import tiny_subject
from rewrite_rules.rewrite.cache import cache_update_by_position
from rewrite_rules.rewrite.masks import mask_from_position_ids
from rewrite_rules.rewrite.modules import custom_rms_norm

Break = Callable[[pytest.MonkeyPatch], None]


def drop_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    made = mask_from_position_ids.MADE
    monkeypatch.setitem(made, mask_from_position_ids.WINDOWED, made[mask_from_position_ids.FULL])


def shift_the_mask_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # A check refuses such a mask; what is proved is that the stages notice one that gets by.
    others = tuple(check for check in rule_set.checks() if check.id != "tokens_apart")
    monkeypatch.setattr(rule_set, "checks", lambda: others)
    for builder, made in mask_from_position_ids.MADE.items():
        shifted = made.replace("position_ids=position_ids", "position_ids=position_ids + 1")
        monkeypatch.setitem(mask_from_position_ids.MADE, builder, shifted)


def lose_one_plus_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**RMS_NORMS, NormKind.ONE_PLUS: RMS_NORMS[NormKind.PLAIN]}
    monkeypatch.setattr(custom_rms_norm, "RMS_NORMS", broken)


def stages(name: str, kind: str, folder: Path) -> ScenarioResult:
    """Generate `name` into `folder` with the rules as they stand, and run its first scenario of `kind`."""
    model = generate_model(find_model(name, transformers_version=None, source=None))
    write_models([model], folder, force=False, rules_sha256="proof")
    family = find_family(name)
    variant = next(item for item in variants(family) if item.kind == kind)
    events = run_stages(tiny_subject(family, variant), OwnRuntime(load_transforms(name, folder)))
    return next(event.result for event in events if isinstance(event, ScenarioFinished))


PROOFS = [
    ("qwen3", "window", drop_the_window),
    ("llama", "base", shift_the_mask_by_one),
    ("gemma", "base", lose_one_plus_weight),
]


@pytest.mark.parametrize(("name", "kind", "break_rule"), PROOFS, ids=[proof[2].__name__ for proof in PROOFS])
def test_stages_notice(
    name: str, kind: str, break_rule: Break, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stages(name, kind, tmp_path / f"whole_{break_rule.__name__}").passed
    break_rule(monkeypatch)
    result = stages(name, kind, tmp_path / f"broken_{break_rule.__name__}")
    assert not result.passed
    assert result.stages[1].status == "different", result.stages


def test_a_shifted_slot_is_refused_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = cache_update_by_position.CacheUpdateByPosition
    (change,) = rule.changes
    shifted = replace(change, give=change.give.replace(": position_ids", ": position_ids + 1"))
    monkeypatch.setattr(rule, "changes", (shifted,))
    with pytest.raises(Refusal, match="refused by cache_reached_once: `LlamaAttention` does not tell the cache"):
        generate_model(find_model("llama", transformers_version=None, source=None))
