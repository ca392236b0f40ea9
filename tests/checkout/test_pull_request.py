"""The text of the pull request: what is supported and what is not, and never a result that nobody has seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from qeff_codegen.checkout.kept_results import keep_results
from qeff_codegen.checkout.pull_request import is_as_written
from qeff_codegen.validation.results import EQUAL, NOT_RUN, REFERENCE, ScenarioResult, StageResult
from tests.checkout.conftest import CONFIGURATION, make_wheel

Apply = Callable[..., Result]
TEXT = Path("pull_request_sketch.md")
CONFIGURATIONS = "tests/configs/causal_model_configs.json"
SPD = "QEfficient/transformers/spd/spd_transform_forward.py"


def text_of(apply: Apply) -> str:
    assert apply("sketch").exit_code == 0
    return TEXT.read_text()


def table(text: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by their first cell."""
    lines = text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_what_it_says_first(apply: Apply) -> None:
    text = text_of(apply)
    heading, first = text.split("\n\n")[:2]
    assert heading == "# Generated modeling code for SketchForCausalLM"
    assert first.startswith("`sketch` for causal language modeling, from\n")
    assert "transformers/models/sketch/modeling_sketch.py" in text
    assert table(text, "What changes against upstream")["no_dropout"] == [
        "2",
        "Dropout is the identity at inference; left in, it would only be one more node.",
    ]
    assert "| `SketchRMSNorm` | `CustomRMSNormAIC` | `CustomOpsTransform` |" in text


def test_the_checklist_of_features(apply: Apply) -> None:
    features = table(text_of(apply), "Onboarding checklist")
    assert {name: row[0] for name, row in features.items()} == {
        "feature": "supported",
        "Continuous batching": "yes",
        "FP32": "not run",
        "FP16, BF16": "not run",
        "Subfunctions": "yes",
        "Compute context length (CCL)": "yes",
        "Speculative decoding (`SpDTransform`)": "yes",
        "On-device sampling (`SamplerTransform`)": "yes",
        "Disaggregated serving of experts": "no",
    }
    assert all(len(row) == 2 and row[1] for row in features.values())


def test_why_a_class_is_not_entered(apply: Apply, checkout: Path) -> None:
    (checkout / SPD).write_text("def tlm_forward(self):\n    pass\n")
    features = table(text_of(apply), "Onboarding checklist")
    assert features["Speculative decoding (`SpDTransform`)"] == [
        "no",
        "the checkout's `tlm_forward` has no call of `self.model` in the form that is known",
    ]
    assert (
        "QEffSketchForCausalLM,\n    }\n\n\nclass Sampler"
        not in (checkout / "QEfficient/transformers/models/pytorch_transforms.py").read_text()
    )


def test_a_checkpoint_is_given_to_be_looked_at_and_sign_off_is_left_to_its_author(apply: Apply) -> None:
    text = text_of(apply)
    assert "- [x] Tiny configuration in `tests/configs/causal_model_configs.json`.\n" in text
    assert "- [ ] `drawing/Sketch-1B` is the checkpoint" in text
    assert "- [ ] Commits are signed off (`git commit -s`), as CONTRIBUTING.md asks" in text


def test_without_a_checkpoint_no_name_is_made_up(apply: Apply, checkout: Path, tmp_path: Path) -> None:
    nameless = CONFIGURATION.replace('(checkpoint="drawing/Sketch-1B")', "")
    make_wheel(tmp_path / "cache", sketch__configuration_sketch=nameless)
    before = [(checkout / name).read_bytes() for name in ("docs/source/validate.md", CONFIGURATIONS)]
    text = text_of(apply)
    assert (
        "not added, because no checkpoint is\n"
        "  known to be its own: transformers/models/sketch/configuration_sketch.py names no checkpoint.\n"
    ) in text
    assert [(checkout / name).read_bytes() for name in ("docs/source/validate.md", CONFIGURATIONS)] == before


def result(*statuses: str) -> ScenarioResult:
    stages = tuple(StageResult(number, status) for number, status in enumerate(statuses, start=1))
    return ScenarioResult("sketch", "base", "ragged batch", 0, 1.0, 1.0, 1.0, stages)


def test_results_of_this_very_code_are_shown_and_of_other_code_are_not(apply: Apply, checkout: Path) -> None:
    stages = table(text_of(apply), "Stage results")
    assert list(stages.values()) == [["result"], *[[NOT_RUN]] * 4]
    keep_results(
        checkout, "sketch", [result(REFERENCE, EQUAL, EQUAL, NOT_RUN), result(REFERENCE, EQUAL, EQUAL, NOT_RUN)]
    )
    text = text_of(apply)
    assert table(text, "Stage results")["3 ONNX Runtime"] == ["equal in 2"]
    assert table(text, "Stage results")["4 Cloud AI 100"] == ["not run in 2"]
    assert table(text, "Onboarding checklist")["FP32"] == ["yes", "Stages 1 to 3 are equal in it"]
    modeling = checkout / "QEfficient/transformers/models/sketch/modeling_sketch.py"
    modeling.write_text(modeling.read_text() + "# mine\n")
    # Of what is there now, and not of what is written over it.
    keep_results(checkout, "sketch", [result(REFERENCE, EQUAL, EQUAL, NOT_RUN)])
    assert apply("sketch", "--replace").exit_code == 0
    assert list(table(TEXT.read_text(), "Stage results").values()) == [["result"], *[[NOT_RUN]] * 4]


def test_an_edit_is_noticed(apply: Apply) -> None:
    text = text_of(apply)
    assert is_as_written(text)
    assert not is_as_written(text.replace("sketch", "ketch", 1))
    assert not is_as_written(text + "\n")
    assert not is_as_written("somebody's notes\n")
