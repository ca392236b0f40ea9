"""`apply`: one command makes the change; nothing of anybody's is lost, and nothing is half written."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.checkout.conftest import CHECKOUT, RUFF_0_15, TRANSFORMS, contents

Apply = Callable[..., Result]
MODELS = "QEfficient/transformers/models"
MODELING = f"{MODELS}/sketch/modeling_sketch.py"


def test_writes_the_package_the_mappings_the_test_the_row_and_the_text(apply: Apply, checkout: Path) -> None:
    result = apply("sketch")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"written    checkout/{MODELS}/sketch/__init__.py",
        f"written    checkout/{MODELING}",
        f"written    checkout/{TRANSFORMS}",
        "written    checkout/tests/configs/causal_model_configs.json",
        "written    checkout/docs/source/validate.md",
        "written    pull_request_sketch.md",
        "next       python -m qeff_codegen validate sketch --checkout checkout",
    ]
    code = (checkout / MODELING).read_text()
    assert code.startswith("# ----")
    assert "SPDX-License-Identifier: BSD-3-Clause" in code
    assert "from QEfficient.transformers.cache_utils import QEffDynamicCache" in code
    entry = json.loads((checkout / "tests/configs/causal_model_configs.json").read_text())["causal_lm_models"][-1]
    assert entry["model_name"] == "drawing/Sketch-1B"
    assert entry["model_type"] == "sketch"
    row = (checkout / "docs/source/validate.md").read_text().splitlines()[-3]
    assert row.split("|")[1:4] == [
        " **SketchForCausalLM**  ",
        " Sketch!      ",
        " [drawing/Sketch-1B](https://huggingface.co/drawing/Sketch-1B) ",
    ]


def test_the_mapping_file_only_gains_lines(apply: Apply, checkout: Path) -> None:
    apply("sketch")
    before, after = CHECKOUT[TRANSFORMS].splitlines(), (checkout / TRANSFORMS).read_text().splitlines()
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "-+?"]
    assert changes == [
        "+ from transformers.models.sketch.modeling_sketch import (",
        "+     SketchAttention,",
        "+     SketchDecoderLayer,",
        "+     SketchForCausalLM,",
        "+     SketchModel,",
        "+     SketchRMSNorm,",
        "+     SketchRotaryEmbedding,",
        "+ )",
        "+ from QEfficient.transformers.models.sketch.modeling_sketch import (",
        "+     QEffSketchAttention,",
        "+     QEffSketchDecoderLayer,",
        "+     QEffSketchForCausalLM,",
        "+     QEffSketchModel,",
        "+     QEffSketchRotaryEmbedding,",
        "+ )",
        "+         SketchRMSNorm: CustomRMSNormAIC,",
        "+         # Sketch",
        "+         SketchRotaryEmbedding: QEffSketchRotaryEmbedding,",
        "+         SketchAttention: QEffSketchAttention,",
        "+         SketchDecoderLayer: QEffSketchDecoderLayer,",
        "+         SketchModel: QEffSketchModel,",
        "+         SketchForCausalLM: QEffSketchForCausalLM,",
        "+         QEffSketchForCausalLM,",
        "+         QEffSketchForCausalLM,",
    ]


def test_ruff_finds_nothing_to_sort_or_to_lay_out(apply: Apply, checkout: Path) -> None:
    apply("sketch")
    files = [TRANSFORMS, MODELING, f"{MODELS}/sketch/__init__.py"]
    for command in (["check", *RUFF_0_15], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *files]
        result = subprocess.run(ruff, cwd=checkout, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


def test_a_second_run_changes_nothing(apply: Apply, tmp_path: Path) -> None:
    apply("sketch")
    before = contents(tmp_path)
    result = apply("sketch")
    assert result.exit_code == 0
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"unchanged", "next"}
    assert contents(tmp_path) == before


def test_a_dry_run_shows_the_diff_and_writes_nothing(apply: Apply, tmp_path: Path) -> None:
    before = contents(tmp_path)
    result = apply("sketch", "--dry-run")
    assert result.exit_code == 0
    assert contents(tmp_path) == before
    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith(("--- ", "+++ "))] == [
        "--- /dev/null",
        f"+++ b/{MODELS}/sketch/__init__.py",
        "--- /dev/null",
        f"+++ b/{MODELING}",
        f"--- a/{TRANSFORMS}",
        f"+++ b/{TRANSFORMS}",
        "--- a/tests/configs/causal_model_configs.json",
        "+++ b/tests/configs/causal_model_configs.json",
        "--- a/docs/source/validate.md",
        "+++ b/docs/source/validate.md",
        "--- /dev/null",
        "+++ b/pull_request_sketch.md",
    ]
    assert "+        SketchRMSNorm: CustomRMSNormAIC," in lines


def test_an_edit_by_hand_is_kept_and_shown_and_overwritten_when_asked(
    apply: Apply, checkout: Path, tmp_path: Path
) -> None:
    apply("sketch")
    written = (checkout / MODELING).read_text()
    (checkout / MODELING).write_text(written + "# mine\n")
    before = contents(tmp_path)
    result = apply("sketch")
    assert result.exit_code == 1
    assert f"{MODELING} is not what would be generated; it is left as it is." in result.stderr
    assert "+# mine" in result.stderr
    assert "Give --replace to overwrite it." in result.stderr
    assert contents(tmp_path) == before
    assert apply("sketch", "--replace").exit_code == 0
    assert (checkout / MODELING).read_text() == written


def test_an_edited_pull_request_text_is_kept(apply: Apply, tmp_path: Path) -> None:
    apply("sketch")
    text = tmp_path / "pull_request_sketch.md"
    text.write_text(text.read_text().replace("# Generated", "# Please read: generated"))
    result = apply("sketch")
    assert result.exit_code == 1
    assert "sketch: pull_request_sketch.md was edited by hand, or is another file" in result.stderr
    assert "# Please read" in text.read_text()
    assert apply("sketch", "--pull-request", "other.md").exit_code == 0
    assert (tmp_path / "other.md").exists()


def test_an_older_text_that_nobody_edited_is_written_anew(apply: Apply, checkout: Path, tmp_path: Path) -> None:
    apply("sketch")
    (tmp_path / "pull_request_sketch.md").rename(tmp_path / "old.md")
    sampler = checkout / "QEfficient/transformers/sampler/sampler.py"
    sampler.write_text("def sampler_forward(self): ...\n")
    result = apply("sketch", "--pull-request", "old.md")
    assert result.exit_code == 0
    assert "written    old.md" in result.stdout


def test_a_hand_written_family_is_refused_by_its_file(apply: Apply, tmp_path: Path) -> None:
    before = contents(tmp_path)
    result = apply("apple")
    assert result.exit_code == 3
    assert result.stderr.startswith(
        "apple: refused by checkout: the checkout has `apple` already, written by hand in "
        f"{MODELS}/apple/modeling_apple.py\n  at       {TRANSFORMS}:"
    )
    assert "give --replace" in result.stderr
    assert contents(tmp_path) == before


def test_a_file_in_the_place_of_the_modeling_file_is_not_overwritten(apply: Apply, checkout: Path) -> None:
    (checkout / MODELING).parent.mkdir()
    (checkout / MODELING).write_text("# somebody's\n")
    result = apply("sketch")
    assert result.exit_code == 3
    assert f"written by hand in {MODELING}" in result.stderr
    assert (checkout / MODELING).read_text() == "# somebody's\n"


def test_a_refused_name_leaves_the_others(apply: Apply, checkout: Path) -> None:
    result = apply("apple", "sketch")
    assert result.exit_code == 3
    assert f"written    checkout/{MODELING}" in result.stdout
    assert (checkout / MODELS / "apple/modeling_apple.py").read_text() == "# by hand\n"


def test_an_unknown_name(apply: Apply) -> None:
    result = apply("sketchy")
    assert result.exit_code == 2
    assert result.stderr == (
        "sketchy: transformers 9.8.7 has no model `sketchy`. Near names: sketch.\n"
        "checkout/pyproject.toml pins transformers 9.8.7: give the name of a family that it has, or change the pin.\n"
    )


def test_a_name_that_is_a_path(apply: Apply) -> None:
    result = apply("models/sketch")
    assert result.exit_code == 2
    assert "--source" not in result.stderr
    assert "checkout/pyproject.toml pins transformers 9.8.7: give the name of a family" in result.stderr


def test_a_file_where_the_package_would_stand(apply: Apply, checkout: Path, tmp_path: Path) -> None:
    (checkout / MODELS / "sketch").write_text("")
    before = contents(tmp_path)
    result = apply("sketch")
    assert result.exit_code == 2
    assert f"checkout/{MODELS}/sketch cannot be written: " in result.stderr
    assert "--pull-request" not in result.stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["QEfficient/transformers/spd/spd_transform_forward.py", "QEfficient/transformers/sampler/sampler.py"]
)
def test_a_feature_that_is_no_python_is_a_refusal(apply: Apply, checkout: Path, tmp_path: Path, name: str) -> None:
    (checkout / name).write_text("def f(:\n")
    before = contents(tmp_path)
    result = apply("sketch")
    assert result.exit_code == 3
    assert f"sketch: refused by checkout: {name} is not valid Python: " in result.stderr
    assert f"at       {name}:1\n  source   def f(:" in result.stderr
    assert contents(tmp_path) == before


def test_files_that_python_cannot_read_are_nobodys_imports(apply: Apply, checkout: Path) -> None:
    (checkout / "latin.py").write_bytes(b"NAME = '\xe9'  # modeling_sketch\n")
    (checkout / "broken.py").write_text("from modeling_sketch import (\n")
    assert apply("sketch").exit_code == 0
    # The second time, what others import of the family is looked for.
    assert apply("sketch").exit_code == 0


def test_a_key_that_is_mapped_again_below_is_somebody_elses(apply: Apply, checkout: Path) -> None:
    apply("sketch")
    transforms = checkout / TRANSFORMS
    entry = "        SketchAttention: QEffSketchAttention,\n"
    text = transforms.read_text().replace(entry, entry + "        SketchAttention: QEffPearForCausalLM,\n")
    transforms.write_text(text)
    result = apply("sketch")
    assert result.exit_code == 3
    line = text.splitlines().index("        SketchAttention: QEffPearForCausalLM,") + 1
    assert f"at       {TRANSFORMS}:{line}\n" in result.stderr
    assert transforms.read_text() == text


def test_the_example_is_no_family(apply: Apply, tmp_path: Path) -> None:
    before = contents(tmp_path)
    result = apply("blueprint")
    assert result.exit_code == 2
    assert "blueprint: `blueprint` is this tool's example and no family of transformers" in result.stderr
    assert contents(tmp_path) == before


def test_two_names_and_one_text(apply: Apply) -> None:
    result = apply("sketch", "apple", "--pull-request", "one.md")
    assert result.exit_code == 2
    assert "--pull-request names one file, and 2 models are given; give one." in result.stderr


def test_a_folder_that_cannot_be_written_changes_nothing(apply: Apply, tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("")
    before = contents(tmp_path)
    result = apply("sketch", "--pull-request", "a_file/text.md")
    assert result.exit_code == 2
    assert "Nothing is changed." in result.stderr or "cannot be read" in result.stderr
    assert contents(tmp_path) == before


def test_permissions_stay(apply: Apply, checkout: Path) -> None:
    (checkout / TRANSFORMS).chmod(0o755)
    apply("sketch")
    assert (checkout / TRANSFORMS).stat().st_mode & 0o777 == 0o755


def test_line_ends_stay(apply: Apply, checkout: Path) -> None:
    for name in (TRANSFORMS, "tests/configs/causal_model_configs.json", "docs/source/validate.md"):
        (checkout / name).write_bytes(CHECKOUT[name].replace("\n", "\r\n").encode())
    assert apply("sketch").exit_code == 0
    for name in (TRANSFORMS, "tests/configs/causal_model_configs.json", "docs/source/validate.md"):
        text = (checkout / name).read_bytes()
        assert text.count(b"\n") == text.count(b"\r\n"), name
        assert b"ketch" in text


def test_pyproject_is_never_written(apply: Apply, checkout: Path) -> None:
    before = (checkout / "pyproject.toml").stat().st_mtime_ns
    apply("sketch")
    assert (checkout / "pyproject.toml").stat().st_mtime_ns == before


BY_NAME = """

class ByNameTransform:
    _match_string_replace_method = {{
        "{}": {{"forward": QEffAppleAttention.forward}},
    }}
"""


@pytest.mark.parametrize("arguments", [(), ("--replace",)])
def test_a_class_that_the_checkout_changes_by_its_name_is_a_refusal(
    apply: Apply, checkout: Path, arguments: tuple[str, ...]
) -> None:
    text = CHECKOUT[TRANSFORMS] + BY_NAME.format("SketchMLP")
    (checkout / TRANSFORMS).write_text(text)
    before = contents(checkout)
    result = apply("sketch", *arguments)
    assert result.exit_code == 3
    assert "`SketchForCausalLM` builds a `SketchMLP` that is not generated" in result.stderr
    line = text.splitlines().index('        "SketchMLP": {"forward": QEffAppleAttention.forward},') + 1
    assert f"at       {TRANSFORMS}:{line}\n" in result.stderr
    assert contents(checkout) == before


def test_a_class_of_another_package_is_found_by_its_name_too(apply: Apply, checkout: Path) -> None:
    (checkout / TRANSFORMS).write_text(CHECKOUT[TRANSFORMS] + BY_NAME.format("Embedding"))
    assert "builds a `Embedding` that is not generated" in apply("sketch").stderr


@pytest.mark.parametrize("name", ["SketchAttention", "PearMLP"])
def test_the_name_of_a_class_that_is_replaced_or_not_built_is_no_obstacle(
    apply: Apply, checkout: Path, name: str
) -> None:
    (checkout / TRANSFORMS).write_text(CHECKOUT[TRANSFORMS] + BY_NAME.format(name))
    assert apply("sketch").exit_code == 0
