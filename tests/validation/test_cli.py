"""`validate` as its users meet it: output, JSON, exit codes, misuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.validate import validate
from qeff_codegen.errors import UsageError
from qeff_codegen.tiny_models.configurations import Variant, variants
from qeff_codegen.validation import family_plan

TRANSFORMS = """
from qeff_codegen.runtime.customop import CustomRMSNormAIC
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform
from tests.runtime import handwritten_llama as handwritten
from tests.validation.conftest import MistralTransform
from transformers.models.mistral.modeling_mistral import MistralRMSNorm
{definitions}

class CustomOpsTransform(ModuleMappingTransform):
    _module_mapping = {{MistralRMSNorm: {norm}}}


class KVCacheTransform(MistralTransform):
    pass
"""

WRONG_NORM = """
class WrongNorm(CustomRMSNormAIC):
    def __qeff_init__(self):
        self.weight.data += 1.0
"""


def write_generated(folder: Path, norm: str = "CustomRMSNormAIC", definitions: str = "") -> Path:
    (folder / "mistral").mkdir(parents=True)
    for name in ("__init__.py", "mistral/__init__.py", "mistral/modeling_mistral.py"):
        (folder / name).touch()
    (folder / "pytorch_transforms.py").write_text(TRANSFORMS.format(norm=norm, definitions=definitions))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(validate, list(arguments))


@pytest.fixture
def variants_of_the_hand_written_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base and the window: what the hand-written model implements."""
    monkeypatch.setattr(family_plan, "variants", lambda family: variants(family)[:2])


@pytest.fixture
def only_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family_plan, "variants", lambda family: variants(family)[1:2])


@pytest.mark.usefixtures("variants_of_the_hand_written_model")
def test_equal_stages_exit_0(tmp_path: Path) -> None:
    outcome = run("mistral", "--generated", str(write_generated(tmp_path / "made_right")))
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.output.splitlines()
    assert len([line for line in lines if line.startswith("  . = = p ")]) == 6
    assert "Stages 1 to 3 equal in 6 of 6 scenarios." in lines
    assert lines[-2] == "Stage 4 (Cloud AI 100): preflight passed, not run on hardware, in 6 of 6 scenarios."
    assert lines[-1].startswith("next       python -m qeff_codegen review mistral --generated ")


@pytest.mark.usefixtures("only_the_window")
def test_a_mismatch_exits_1_and_names_the_module(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "made_wrong", "WrongNorm", WRONG_NORM)
    outcome = run("mistral", "--json", "--generated", str(folder))
    assert outcome.exit_code == 1
    document = json.loads(outcome.stdout)
    assert document["passed"] is False
    scenario, other = document["scenarios"]
    assert (scenario["passed"], other["passed"]) == (False, False)
    second = scenario["stages"][1]
    assert (second["stage"], second["status"]) == (2, "different")
    assert "first different: model.layers.0.input_layernorm (MistralRMSNorm), at step 0" in second["detail"]
    assert "Stages 1 to 3 equal in 0 of 2 scenarios." in outcome.stderr


@pytest.mark.usefixtures("only_the_window")
def test_json_is_the_whole_standard_output(tmp_path: Path) -> None:
    outcome = run("mistral", "--json", "--generated", str(write_generated(tmp_path / "made_json")))
    assert outcome.exit_code == 0
    document = json.loads(outcome.stdout)
    assert document["passed"] is True
    assert [stage["status"] for stage in document["scenarios"][0]["stages"]] == [
        "reference",
        "equal",
        "equal",
        "preflight passed, not run on hardware",
    ]


def test_upstream_that_does_not_run_is_a_failed_stage_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Variant("broken", "window", {"num_hidden_layers": 1, "rope_parameters": {"rope_type": "nonsense"}})
    monkeypatch.setattr(family_plan, "variants", lambda family: (broken,))
    outcome = run("mistral", "--generated", str(write_generated(tmp_path / "made_for_none")))
    assert outcome.exit_code == 1
    scenarios = "mistral, broken, window < context; mistral, broken, window < context, rows reused"
    assert f"{scenarios}: Stage 1 (Hugging Face) failed\n  KeyError: 'nonsense'" in outcome.output


def test_a_model_that_is_not_generated_is_misuse(tmp_path: Path) -> None:
    outcome = run("llama", "--generated", str(tmp_path))
    assert isinstance(outcome.exception, UsageError)
    assert "Run `python -m qeff_codegen llama` first" in str(outcome.exception)


def test_weights_of_another_model_are_misuse(tmp_path: Path) -> None:
    outcome = run("mistral", "--weights", "smollm2", "--generated", str(tmp_path))
    assert isinstance(outcome.exception, UsageError)
    assert "Run `python -m qeff_codegen validate llama --weights smollm2`." in str(outcome.exception)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("qeff_codegen.validation")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    outcome = run("llama")
    assert isinstance(outcome.exception, UsageError)
    assert "Run `pip install 'qeff_codegen[run]'`" in str(outcome.exception)


def test_validation_does_not_need_the_generator() -> None:
    program = "import sys, qeff_codegen.validation.run; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
