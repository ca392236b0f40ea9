"""A small made-up checkout, and a made-up transformers release with one family, `sketch`."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.generate import one_model as generate
from qeff_codegen.targets.qefficient import QEFFICIENT

RELEASE = "9.8.7"
# What ruff 0.15.22 checks unless told otherwise, and what QEfficient adds to it; newer ones check more.
RUFF_0_15 = ("--select", "E4,E7,E9,F,I")
TRANSFORMS = "QEfficient/transformers/models/pytorch_transforms.py"

CHECKOUT = {
    "pyproject.toml": f"""\
[project]
name = "made-up"
dependencies = [
    "torch@https://example.org/torch-2.7.0%2Bcpu-cp311-cp311-linux_x86_64.whl ; python_version=='3.11'",
    "transformers=={RELEASE}",
]

[tool.ruff]
line-length = 120
lint.extend-select = ["I"]
# The modules that generated code imports are not made up.
lint.isort.known-first-party = ["QEfficient"]
""",
    TRANSFORMS: """\
# A licence.

import warnings

from torch import nn
from transformers.models.apple.modeling_apple import (
    AppleAttention,
    AppleForCausalLM,
    AppleRMSNorm,
)
from transformers.models.pear.modeling_pear import PearForCausalLM

try:
    from transformers.models.plum.modeling_plum import PlumNorm
except ImportError:
    PlumNorm = None
from transformers.models.quince.modeling_quince import QuinceForCausalLM

from QEfficient.base.pytorch_transforms import ModuleMappingTransform
from QEfficient.customop import CustomRMSNormAIC
from QEfficient.transformers.models.apple.modeling_apple import (
    QEffAppleAttention,
    QEffAppleForCausalLM,
)
from QEfficient.transformers.models.pear.modeling_pear import QEffPearForCausalLM


class CustomOpsTransform(ModuleMappingTransform):
    _module_mapping = {
        AppleRMSNorm: CustomRMSNormAIC,
    }


class KVCacheTransform(ModuleMappingTransform):
    _module_mapping = {
        # Apple
        AppleAttention: QEffAppleAttention,
        AppleForCausalLM: QEffAppleForCausalLM,
        PearForCausalLM: QEffPearForCausalLM,  # a pear
    }


class SpDTransform:
    _module_mapping = {
        QEffAppleForCausalLM,
    }


class SamplerTransform:
    # supported
    _module_mapping = {
        QEffAppleForCausalLM,
    }
    seen = QuinceForCausalLM, PlumNorm

    @classmethod
    def apply(cls, model: nn.Module):
        warnings.warn("sampling")
""",
    "QEfficient/transformers/models/apple/modeling_apple.py": "# by hand\n",
    "QEfficient/transformers/models/pear/modeling_pear.py": "# by hand\n",
    "QEfficient/transformers/spd/spd_transform_forward.py": """\
def tlm_forward(self, input_ids, position_ids, past_key_values, batch_index, num_logits_to_keep):
    outputs = self.model(
        input_ids=input_ids, position_ids=position_ids, past_key_values=past_key_values, batch_index=batch_index
    )
    return self.lm_head(outputs[0]).float()
""",
    "QEfficient/transformers/sampler/sampler.py": """\
def sampler_forward(self, input_ids, position_ids, **kwargs):
    if self.vision:
        return self.old_forward(**kwargs)
    return self.old_forward(input_ids=input_ids, position_ids=position_ids, return_dict=True)
""",
    "tests/configs/causal_model_configs.json": """\
{
  "other_models": ["]"],
  "causal_lm_models": [
    {
      "model_name": "fruit/apple",
      "model_type": "apple",
      "additional_params": {"hidden_size": 64}
    }
  ],
  "later": []
}
""",
    "docs/source/validate.md": """\
# Models

### Text Generation Task

| Architecture           | Model Family | Representative Models                      | vLLM     |
|------------------------|--------------|--------------------------------------------|----------|
| **PearForCausalLM**    | Pear         | [fruit/pear](https://huggingface.co/fruit/pear) | yes |
|                        | Old pear     | [fruit/old](https://huggingface.co/fruit/old)   | yes |
| **AppleForCausalLM**   | Apple        | [fruit/apple](https://huggingface.co/fruit/apple) |   |

### Embedding Task
""",
}
CONFIGURATION = '''\
from ...configuration_utils import PreTrainedConfig
from ...utils import auto_docstring


@auto_docstring(checkpoint="drawing/Sketch-1B")
class SketchConfig(PreTrainedConfig):
    """A sketch."""

    model_type = "sketch"
    attribute_map = {"num_experts_per_tok": "experts_per_token"}

    vocab_size: int = 1234
    hidden_size: int = 2048
    intermediate_size: int = 5632
    num_hidden_layers: int = 22
    num_attention_heads: int = 32
    num_key_value_heads: int | None = 8
    head_dim: int | None = None
    max_position_embeddings: int = 8192
    sliding_window: int | None = None
    experts_per_token: int = 4
'''
AUTO = {
    "__init__.py": f'__version__ = "{RELEASE}"\n',
    "models/auto/configuration_auto.py": """\
CONFIG_MAPPING_NAMES = OrderedDict([("sketch", "SketchConfig"), ("apple", "AppleConfig")])
MODEL_NAMES_MAPPING = OrderedDict([("sketch", "Sketch!")])
""",
    "models/auto/modeling_auto.py": """\
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("sketch", "SketchForCausalLM"), ("apple", "AppleForCausalLM")])
""",
}


def sketch() -> str:
    """The example model under another name, as a family of transformers."""
    text = (files("qeff_codegen.examples.blueprint") / "modeling_blueprint.py").read_text("utf-8")
    text = text.replace("qeff_codegen.examples.blueprint", "transformers.models.sketch")
    return text.replace("Blueprint", "Sketch").replace("blueprint", "sketch")


def make_wheel(cache: Path, **further: str) -> None:
    """The made-up release, where a download would be kept; `further` files by their paths with `__` for `/`."""
    wheel = cache / "transformers" / f"transformers-{RELEASE}-py3-none-any.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    texts = {
        **AUTO,
        "models/sketch/modeling_sketch.py": sketch(),
        "models/sketch/configuration_sketch.py": CONFIGURATION,
        "models/apple/modeling_apple.py": sketch().replace("Sketch", "Apple").replace("sketch", "apple"),
        **{f"models/{name.replace('__', '/')}.py": text for name, text in further.items()},
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"transformers/{name}", text)


generate_for_checkout = functools.cache(functools.partial(generate.generate_model, target=QEFFICIENT))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up checkout, in the folder `checkout` of the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    # The same two models throughout: each is generated once.
    monkeypatch.setattr(generate, "generate_model", lambda upstream, target: generate_for_checkout(upstream))
    make_wheel(tmp_path / "cache")
    root = tmp_path / "checkout"
    for name, text in CHECKOUT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def apply(checkout: Path) -> Callable[..., Result]:
    """Run `python -m qeff_codegen apply ARGUMENTS --checkout checkout`; a bug's exception is not hidden."""

    def call(*arguments: str) -> Result:
        runner = CliRunner(catch_exceptions=False)
        return runner.invoke(main, ["apply", *arguments, "--checkout", "checkout"], prog_name="qeff_codegen")

    return call


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
