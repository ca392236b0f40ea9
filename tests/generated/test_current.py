"""What is checked in is what the rules give, whatever the order, process or release around it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qeff_codegen.check.regenerate import generate_again, regenerate
from qeff_codegen.check.run import check
from qeff_codegen.check.sources import Sources
from qeff_codegen.checked_in import manifest
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine.rule_set import rules_for
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.generate.many_models import generate_models
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.changes import changes
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import QEFFICIENT
from qeff_codegen.upstream.find import find_model
from tests.sample import SAMPLE

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "generated"
NAMES = sorted(manifest.load(GENERATED).models)


def generated(name: str) -> GeneratedModel:
    return generate_model(find_model(name))


def generated_from(release: str, name: str) -> GeneratedModel:
    installed = find_model(name)
    return generate_model(
        installed if installed.version == release else find_model(name, transformers_version=release)
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


# Rules for a checkout of QEfficient alone, and a model that needs it.
FOR_A_CHECKOUT = {"attention_in_blocks": "llama", "heads_in_configuration": "gpt_neox", "repeats_stacked": "glm"}
# Rules for what only older releases write, and a model of one that needs it.
OLDER_RELEASES = {
    "cache_made_once": ("4.57.6", "bart"),
    "cpu_branch": ("4.57.6", "gpt_oss"),
    "divided_by_number": ("4.57.6", "gpt2"),
    "experts_in_stretches": ("5.0.0", "afmoe"),
    "experts_one_by_one": ("4.57.6", "mixtral"),
    "functions_by_state": ("5.5.4", "qwen3_next"),
    "functions_for_any_device": ("5.5.4", "qwen3_next"),
    "logits_slice_by_call": ("5.5.4", "llama"),
    "mamba2_scans_called": ("5.5.4", "bamba"),
    "mamba_scans_called": ("5.5.4", "mamba"),
    "mask_added_apart": ("4.57.6", "gpt_neo"),
    "mask_as_wide_as_keys": ("5.0.0", "whisper"),
    "mask_of_four_axes": ("5.0.0", "whisper"),
    "masks_by_builder": ("4.57.6", "gpt_neo"),
    "masks_by_helper": ("5.0.0", "xglm"),
    "no_cache_keywords": ("4.57.6", "llama"),
    "no_deprecated_arguments": ("4.57.6", "bloom"),
    "no_extra_count": ("4.57.6", "llama"),
    "no_head_mask": ("4.57.6", "gpt2"),
    "no_least_score": ("5.0.0", "xglm"),
    "no_mask_without_pads": ("5.5.4", "lfm2"),
    "one_device": ("5.5.4", "gptj"),
    "one_triangle": ("5.0.0", "gpt2"),
    "same_for_one_token": ("5.5.4", "zamba2"),
    "states_read_first": ("5.20.2", "bamba"),
    "table_rows_by_position": ("5.5.4", "gptj"),
    "text_for_any_device": ("5.5.4", "lfm2"),
    "unsorted_rows": ("5.5.4", "aria_text"),
    "windows_convolved": ("5.5.4", "lfm2"),
}


def test_the_sample_is_checked_in() -> None:
    assert set(SAMPLE) <= set(NAMES)


# What modeling files outside of the checked-in releases write; examples, and tests/remote, show what becomes of it.
ELSEWHERE = {
    "axes_by_number",
    "cache_by_local_name",
    "cache_not_handed_back",
    "experts_not_sorted",
    "kept_logits_by_one_name",
    "keys_not_counted",
    "masks_by_halves",
    "no_cache_on_layers",
    "no_form_checks",
    "no_legacy_cache",
    "one_rank",
    "pairs_as_cache",
    "parts_joined",
    "tables_of_two_axes",
}
# Layers that keep states are many kinds of layer; the rules for them change no model of the sample.
WITH_STATES = (
    "bamba",
    "kimi_linear",
    "lara_mini",
    "lfm2",
    "mamba",
    "minimax",
    "nemotron_h",
    "qwen3_5",
    "recurrent_gemma",
    "zamba",
    "zaya",
)
# Families of no kind that the sample has, each with a rule that nothing else needs.
ALONE = (
    "ctrl",
    "deepseek_v32",
    "dory",
    "hrm_text",
    "megatron_bert",
    "moshi",
    "mvp",
    "qwen3_vl",
    "rembert",
    "roformer",
    "trocr",
    "xmod",
)


def test_every_rule_changes_a_model_of_the_sample() -> None:
    """Otherwise `make test` would prove nothing about what the rule writes."""
    models = (*SAMPLE, *WITH_STATES, *ALONE)
    fired = {rule for name in models for rule, count in generated(name).rules if count}
    assert {rule.id for rule in rules_for(EMBEDDED)} - fired == set(OLDER_RELEASES) | ELSEWHERE


def test_every_rule_for_a_checkout_alone_changes_a_model() -> None:
    alone = {rule.id for rule in rules_for(QEFFICIENT)} - {rule.id for rule in rules_for(EMBEDDED)}
    assert alone == set(FOR_A_CHECKOUT)
    for rule, name in FOR_A_CHECKOUT.items():
        assert dict(generate_model(find_model(name), QEFFICIENT).rules)[rule] > 0


@pytest.mark.parametrize(("rule", "release", "name"), [(rule, *model) for rule, model in OLDER_RELEASES.items()])
def test_a_rule_for_older_releases_changes_a_model_of_one(rule: str, release: str, name: str) -> None:
    assert dict(generated_from(release, name).rules)[rule] > 0


def test_check_finds_nothing() -> None:
    assert check(GENERATED, ()).findings == ()


def test_regenerating_changes_no_byte(tmp_path: Path) -> None:
    """What `check` spares itself where hashes agree: every model again, from the release that the manifest names."""
    outcomes = regenerate(manifest.load(GENERATED).models, Sources(), generate_again)
    models = [outcome for outcome in outcomes.values() if isinstance(outcome, GeneratedModel)]
    assert [model.name for model in models] == NAMES, outcomes
    write_models(models, tmp_path, force=False, rules_sha256=rules_sha256())
    assert contents(tmp_path) == contents(GENERATED)
    # Here, since it takes a minute to make them all: every changed line of every model has an owner, or this raises.
    for model in models:
        changes(model)


def test_order_and_workers_change_no_byte(tmp_path: Path) -> None:
    sample = ["qwen3", "blueprint", "gpt2", "llama", "mixtral"]
    for folder, names, jobs in (("one", sorted(sample), 1), ("two", sample, 2)):
        found = generate_models([find_model(name) for name in names], jobs)
        models = [model for model in found if isinstance(model, GeneratedModel)]
        assert [model.name for model in models] == names
        write_models(models, tmp_path / folder, force=False, rules_sha256="rules")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_both_dialects_give_the_same_code_but_for_what_upstream_changed(name: str) -> None:
    older, newer = (generated_from(release, name).code.splitlines() for release in ("5.5.4", "5.24.0"))
    differing = set(older) ^ set(newer)
    # How to make it again, and upstream's own changes: a type annotation, the outputs' field for the cache, the place
    # where logits are chosen.
    known = (
        "# Regenerate:",
        "inputs_embeds:",
        "cache=",
        "past_key_values=outputs",
        "past_key_values=past_key_values",
        "hidden_states",
    )
    assert [line for line in differing if not any(word in line for word in (*known, "logits = self.lm_head"))] == []


def test_generating_imports_neither_torch_nor_transformers(tmp_path: Path) -> None:
    script = (
        "import runpy, sys\n"
        f"sys.argv = ['qeff_codegen', 'llama', '--output', {str(tmp_path)!r}]\n"
        "try:\n    runpy.run_module('qeff_codegen', run_name='__main__')\nexcept SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print(sorted({'torch', 'transformers', 'onnx', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
