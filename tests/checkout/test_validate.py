"""The stages in a checkout, without QEfficient: a made-up one stands for it and runs in this interpreter."""

from __future__ import annotations

import io
import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from qeff_codegen.checkout import kept_results
from qeff_codegen.checkout.checkout import open_checkout
from qeff_codegen.checkout.kept_results import load_results
from qeff_codegen.checkout.validate import validate_in_checkout
from qeff_codegen.cli.validate import validate
from qeff_codegen.errors import UsageError
from tests.checkout.mapped_checkout import MAPPINGS, MODELS, mapped_checkout
from tests.runtime import handwritten_llama

# Stands for QEfficient's model class: hand-written classes on this project's runtime. Only the base variant is run.
AUTO_MODEL = """
from transformers.models.llama import modeling_llama as llama

from QEfficient.transformers.models.llama import modeling_llama as qeff
from qeff_codegen.runtime.customop import CustomRMSNormAIC
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec, dynamic_axes, output_names
from qeff_codegen.export.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform
from qeff_codegen.validation import family_plan

every_variant = family_plan.variants
family_plan.variants = lambda family: every_variant(family)[:1]
print("a library prints on standard output")


class Transform(ModuleMappingTransform):
    _module_mapping = {
        llama.LlamaAttention: qeff.QEffLlamaAttention,
        llama.LlamaDecoderLayer: qeff.QEffLlamaDecoderLayer,
        llama.LlamaForCausalLM: qeff.QEffLlamaForCausalLM,
        llama.LlamaModel: qeff.QEffLlamaModel,
        llama.LlamaRMSNorm: CustomRMSNormAIC,
        llama.LlamaRotaryEmbedding: qeff.QEffLlamaRotaryEmbedding,
    }


class QEFFAutoModelForCausalLM:
    def __init__(self, model, continuous_batching=False):
        assert model.config.architectures == [type(model).__name__]
        self.model, _ = Transform.apply(model)
        self.continuous_batching = continuous_batching

    def export(self, export_dir=None):
        spec = ExportSpec(ctx_len=48, continuous_batching=self.continuous_batching)
        layers = kv_cache_shapes(self.model)
        cache = allocate_kv_cache(layers, 1, 32, self.model.dtype)
        return self._export(
            {"past_key_values": cache},
            output_names=output_names(spec, layers),
            dynamic_axes=dynamic_axes(spec, layers),
            export_dir=export_dir,
        )

    def _export(self, example_inputs, export_dir, **_):
        from pathlib import Path

        spec = ExportSpec(ctx_len=48, continuous_batching=self.continuous_batching)
        path = export_onnx(self.model, Path(export_dir) / "model.onnx", spec)
        # QEfficient takes the weights away.
        self.model.to("meta")
        return str(path)
"""
CANNOT_PLAN = """
from qeff_codegen.tiny_models import families
def find_family(name):
    raise KeyError("no plan")
families.find_family = find_family
QEFFAutoModelForCausalLM = None
"""
PYTHON = Path(sys.executable)


def checkout_with(folder: Path, qefficient: str = AUTO_MODEL, transformers: str = version("transformers")) -> Path:
    root = mapped_checkout(folder, transformers)
    (root / "QEfficient" / "__init__.py").write_text(qefficient, "utf-8")
    modeling = root / MODELS / "llama" / "modeling_llama.py"
    modeling.parent.mkdir()
    modeling.write_text(Path(handwritten_llama.__file__).read_text("utf-8"), "utf-8")
    mappings = MAPPINGS.replace("pear_tree.modeling_pear", "llama.modeling_llama").replace("Pear", "Llama")
    (root / MODELS / "pytorch_transforms.py").write_text(mappings.replace("models.pear.", "models.llama."), "utf-8")
    return root


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(validate, [str(argument) for argument in arguments])


def test_the_stages_run_in_the_checkout_and_are_kept_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = checkout_with(tmp_path / "checkout")
    before = sorted(path for path in checkout.rglob("*"))
    monkeypatch.chdir(tmp_path)
    result = run("llama", "--checkout", checkout, "--checkout-python", PYTHON, "--json")
    document = json.loads(result.stdout)
    assert (document["passed"], result.exit_code) == (True, 0)
    found = {scenario["scenario"]: scenario for scenario in document["scenarios"]}
    assert list(found) == ["ragged batch", "chunked prefill", "end of context", "continuous batching"]
    assert [len(scenario["notes"]) for scenario in found.values()] == [0, 0, 0, 1]
    assert "continuous batching gets calls without padding" in found["continuous batching"]["notes"][0]
    for scenario in found.values():
        assert [stage["status"] for stage in scenario["stages"]] == ["reference", "equal", "equal", "not run"]
    assert [result.scenario for result in load_results(Path("checkout"), "llama")] == list(found)
    assert sorted(path for path in checkout.rglob("*")) == before
    assert (tmp_path / kept_results.RESULTS).is_dir()


def refused(checkout: Path, *names: str) -> str:
    with pytest.raises(UsageError) as raised:
        validate_in_checkout(names or ("llama",), open_checkout(checkout), PYTHON, Console(file=io.StringIO()))
    return str(raised.value)


def test_another_release_than_the_checkout_pins_is_said(tmp_path: Path) -> None:
    said = refused(checkout_with(tmp_path, transformers="4.40.0"))
    assert f"{sys.executable} has transformers {version('transformers')}, and the checkout pins 4.40.0" in said


@pytest.mark.parametrize(
    ("qefficient", "said"),
    [
        ("import absent_library", "has no package `absent_library`, which QEfficient or the stages import"),
        ("from QEfficient.transformers import absent", "ImportError: cannot import name 'absent'"),
        ("\n\nclass", "SyntaxError: invalid syntax (__init__.py, line 3)\n  at {0}:3"),
        (CANNOT_PLAN, "The stages cannot go on in {1}: KeyError: 'no plan'\n  at {0}:4"),
        ("import os\nos.abort()", "was ended by signal 6 before the stages were done. The last it said:"),
        ("import os, sys\nprint('on its way', file=sys.stderr, flush=True)\nos._exit(3)", "said:\n  on its way"),
    ],
    ids=["missing package", "missing name", "syntax", "anything", "abort", "exit"],
)
def test_an_interpreter_or_checkout_that_cannot_run_is_explained(qefficient: str, said: str, tmp_path: Path) -> None:
    checkout = checkout_with(tmp_path, qefficient)
    message = refused(checkout)
    assert said.format(checkout / "QEfficient" / "__init__.py", checkout) in message
    assert "Traceback" not in message


def test_a_family_that_nothing_serves_is_sent_to_apply(tmp_path: Path) -> None:
    checkout = checkout_with(tmp_path)
    message = refused(checkout, "llama", "gpt2")
    assert "Nothing serves `gpt2`" in message
    assert f"Run `python -m qeff_codegen apply gpt2 --checkout {checkout}` first." in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--checkout", ".", "--weights", "smollm2"), "give either --weights or --checkout"),
        (("--checkout-python", "python3"), "--checkout PATH, which is not given"),
        (("--checkout", "."), "is no checkout of quic/efficient-transformers"),
    ],
)
def test_misuse_is_explained(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("llama", *arguments)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_file_that_is_no_program_is_a_misuse(tmp_path: Path, mode: int) -> None:
    checkout, python = mapped_checkout(tmp_path / "checkout"), tmp_path / "python"
    python.write_text("no program")
    python.chmod(mode)
    result = run("llama", "--checkout", checkout, "--checkout-python", python)
    assert isinstance(result.exception, UsageError)
    assert f"{python} cannot be run: " in str(result.exception)
