"""Every outcome, from two small releases."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from qeff_codegen.bump.compare import compare
from qeff_codegen.bump.comparison import (
    GENERATES_NOW,
    GONE,
    NEW_GENERATES,
    NEW_REFUSED,
    REFUSED,
    REGENERATED,
    SAME_CODE,
    STILL_REFUSED,
    UNCHANGED,
    Bump,
    Comparison,
)
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import DifferencesError, UsageError
from qeff_codegen.generate.many_models import generate_models
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel, MappingEntry
from qeff_codegen.upstream.find import find_in_transformers
from tests.bump.releases import (
    CHECKED_IN,
    NEW,
    NO_CHANGE,
    OLD,
    Releases,
    edit_record,
    generate,
    write_release,
)


def the(bump: Bump, family: str) -> Comparison:
    (found,) = [item for item in bump.comparisons if family in item.families]
    return found


def test_every_family_has_one_outcome(bump: Bump) -> None:
    outcomes = {family: item.outcome for item in bump.comparisons for family in item.families}
    assert outcomes == {
        "fig": REFUSED,
        "kiwi": GONE,
        "olive": GONE,
        "quince": GONE,
        "lemon": REGENERATED,
        "plum": REGENERATED,
        "pear": SAME_CODE,
        "apple": UNCHANGED,
        "lime": UNCHANGED,
        "kiwano": NEW_GENERATES,
        "mango": NEW_GENERATES,
        "date": GENERATES_NOW,
        "rhubarb": NEW_REFUSED,
        "weed": NEW_REFUSED,
        "nut": STILL_REFUSED,
    }
    assert (bump.releases, bump.version, bump.other_rules) == ((OLD,), NEW, ())


def test_what_must_be_decided_comes_first_and_everything_has_one_order(bump: Bump) -> None:
    assert [item.title for item in bump.comparisons] == [
        "fig",
        "kiwi",
        "olive",
        "quince",
        "lemon",
        "plum",
        "pear",
        "apple",
        "lime",
        "kiwano",
        "mango",
        "date",
        "rhubarb",
        "weed",
        "nut",
    ]


def test_a_refusal_says_rule_place_and_what_was_expected(bump: Bump) -> None:
    refusal = the(bump, "fig").refusal
    assert refusal is not None
    assert refusal.rule == "anatomy"
    assert str(refusal.location).startswith("transformers/models/fig/modeling_fig.py:")
    assert refusal.expected


def test_a_family_that_is_gone_has_left_a_trace_or_none(bump: Bump) -> None:
    assert the(bump, "kiwi").note == "its causal LM KiwiForCausalLM is now that of `kiwano`"
    assert the(bump, "olive").note == "no model type there; OliveForCausalLM is defined nowhere"
    assert the(bump, "quince").note == ("listed as a causal LM still; QuinceForCausalLM is defined nowhere")


def test_a_family_that_got_a_class_of_its_own_is_followed(bump: Bump) -> None:
    lemon = the(bump, "lemon")
    assert lemon.package == "lemon"
    assert lemon.note == "was served by lime, is now by lemon"
    assert "+class QEffLemonAttention(LemonAttention):\n" in lemon.generated_diff


def test_the_generated_diff_stands_beside_the_upstream_diff_that_caused_it(bump: Bump) -> None:
    plum = the(bump, "plum")
    path = "transformers/models/plum/modeling_plum.py"
    assert plum.upstream_diff.startswith(f"--- {path} (1.0.0)\n+++ {path} (2.0.0)\n")
    for diff in (plum.upstream_diff, plum.generated_diff):
        assert "-        # Attend\n+        # <script>alert(1)</script> & more\n" in diff
    assert the(bump, "pear").upstream_diff
    assert not the(bump, "pear").generated_diff


def test_the_real_generator(tmp_path: Path) -> None:
    example = (files("qeff_codegen.examples.blueprint") / "modeling_blueprint.py").read_text("utf-8")
    update = "cache.update(key_states, value_states, self.layer_idx, kwargs=kwargs)"
    changes = {
        OLD: NO_CHANGE,
        NEW: ("# Feed-forward", "# Feed forward"),
        "3.0.0": (update, "key_states, value_states"),
    }
    trees = {name: write_release(tmp_path, name, {"apple": ("Apple", changes[name])}, example) for name in changes}
    models = [generate_model(find_in_transformers("apple", trees[OLD]))]
    write_models(models, tmp_path, force=False, rules_sha256=rules_sha256())
    found = [
        compare(name, tmp_path, trees.__getitem__, partial(generate_models, jobs=1)).comparisons[0]
        for name in (NEW, "3.0.0")
    ]
    assert [item.outcome for item in found] == [REGENERATED, REFUSED]
    assert "-        # Feed-forward\n+        # Feed forward\n" in found[0].generated_diff
    assert "updates a KV cache (transformers/models/apple/modeling_apple.py:210)" in found[1].reason


def test_going_back_is_a_bump_too(bump: Bump, releases: Releases, generated: Path) -> None:
    for name in CHECKED_IN:
        if name != "apple":
            (generated / name / f"modeling_{name}.py").unlink()
    (apple,) = generate([find_in_transformers("apple", releases(NEW))])
    assert isinstance(apple, GeneratedModel)
    write_models([apple], generated, force=False, rules_sha256=rules_sha256())
    back = compare(OLD, generated, releases, generate)
    assert (back.releases, back.version, the(back, "apple").outcome) == ((NEW,), OLD, UNCHANGED)


def test_the_release_that_is_checked_in_is_nothing_to_bump_to(releases: Releases, generated_once: Path) -> None:
    with pytest.raises(UsageError, match="is from transformers 1.0.0 already"):
        compare(OLD, generated_once, releases, generate)


def test_a_folder_without_models_is_misuse(releases: Releases, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no model from a transformers release"):
        compare(NEW, tmp_path, releases, generate)


def test_nothing_is_compared_with_a_file_edited_by_hand(releases: Releases, generated: Path) -> None:
    path = generated / "plum" / "modeling_plum.py"
    path.write_text(path.read_text() + "# by hand\n")
    (generated / "pear" / "modeling_pear.py").unlink()
    with pytest.raises(DifferencesError) as error:
        compare(NEW, generated, releases, generate)
    assert f"  {generated}/pear/modeling_pear.py is not what was generated\n" in str(error.value)
    assert f"  {path} is not what was generated\n" in str(error.value)


def test_nothing_is_compared_with_another_source_than_the_manifest_names(releases: Releases, generated: Path) -> None:
    edit_record(generated, "plum", upstream_sha256="0" * 64)
    with pytest.raises(DifferencesError, match="modeling_plum.py of transformers 1.0.0 is not what plum was"):
        compare(NEW, generated, releases, generate)


def test_nothing_is_compared_with_a_record_edited_by_hand(releases: Releases, generated: Path) -> None:
    manifest = generated / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"QEffPlumAttention"', '"QEffMyAttention"'))
    with pytest.raises(DifferencesError, match="the entry of plum in .*manifest.json was edited by hand"):
        compare(NEW, generated, releases, generate)


def test_an_entry_of_the_mapping_is_generated_too(releases: Releases, generated: Path) -> None:
    entry = MappingEntry("CustomOpsTransform", "AppleAttention", "QEffAppleAttention", ".apple.modeling_apple")
    edit_record(generated, "apple", mappings=(entry,))
    apple = the(compare(NEW, generated, releases, generate), "apple")
    assert apple.outcome == REGENERATED
    assert apple.generated_diff == (
        "--- mapping of apple\n+++ mapping of apple\n@@ -1 +1 @@\n"
        "-CustomOpsTransform: AppleAttention -> .apple.modeling_apple.QEffAppleAttention\n"
        "+KVCacheTransform: AppleAttention -> .apple.modeling_apple.QEffAppleAttention\n"
    )


@pytest.mark.parametrize("field", ["rules_sha256", "black_version"])
def test_other_rules_and_libraries_are_named_first(releases: Releases, generated: Path, field: str) -> None:
    edit_record(generated, "apple", **{field: "0"})
    assert compare(NEW, generated, releases, generate).other_rules == ("apple",)
