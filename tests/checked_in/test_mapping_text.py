"""The mapping file read as text gives the transforms that importing it gives, and imports what a model needs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from torch import nn

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.checked_in.mapping_text import read_mapping

ROOT = Path(__file__).resolve().parents[2]

MAPPING = """
from torch.nn import Linear, Module
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform

from .toy.modeling_toy import QEffLinear


class CustomOpsTransform(ModuleMappingTransform):
    _module_mapping = {}


class KVCacheTransform(ModuleMappingTransform):
    _module_mapping = {
        Linear: QEffLinear,
    }
"""
TOY = """
from torch import nn


class QEffLinear(nn.Linear):
    made_in = "{where}"
"""


def test_text_and_import_say_the_same() -> None:
    whole = importlib.import_module("generated.pytorch_transforms")
    for transform in read_mapping((ROOT / "generated" / "pytorch_transforms.py").read_text("utf-8"), "generated"):
        imported = getattr(whole, transform.name)
        loaded = {upstream.load(): ours.load() for upstream, ours in transform.classes}
        assert loaded and loaded == imported._module_mapping
        assert transform.load().__bases__ == imported.__bases__
        # A class is found by its name, so it must be imported by the name that it has.
        assert {upstream.load().__name__ for upstream, _ in transform.classes} == {
            upstream.name for upstream, _ in transform.classes
        }


def test_one_family_imports_no_other() -> None:
    script = """
        import sys
        from pathlib import Path
        from transformers import LlamaConfig, LlamaForCausalLM
        from qeff_codegen.checked_in.generated_code import load_transforms

        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = LlamaConfig(vocab_size=8, **sizes)
        model = load_transforms("llama", Path("generated")).apply(LlamaForCausalLM(config))
        assert type(model.model.layers[0].input_layernorm).__name__ == "CustomRMSNormAIC"
        print(sorted(name for name in sys.modules if name.startswith("generated.") and "modeling" in name))
    """
    found = subprocess.run(
        [sys.executable, "-c", dedent(script)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "['generated.llama.modeling_llama']\n"


def test_a_class_comes_from_its_own_folder_however_late(tmp_path: Path) -> None:
    found = []
    for where in ("one", "two"):
        folder = tmp_path / where / "made_late"
        (folder / "toy").mkdir(parents=True)
        (folder / "toy" / "modeling_toy.py").write_text(TOY.format(where=where))
        (folder / "pytorch_transforms.py").write_text(MAPPING)
        found.append(load_transforms("toy", folder))
    for transforms, where in zip(found, ("one", "two"), strict=True):
        _, of_cache = transforms.transforms
        assert transforms.folder is not None and transforms.folder.parent.name == where
        model = nn.Sequential(nn.Linear(2, 2))
        with pytest.raises(Exception, match="has no entry for Sequential"):
            transforms.apply(model)
        assert type(model[0]).__dict__["made_in"] == where
        assert of_cache._module_mapping.get(nn.Module) is None


@pytest.mark.parametrize(
    "line",
    [
        "NAME = 1",
        "class T(ModuleMappingTransform):\n    _module_mapping = make()",
        "class T(ModuleMappingTransform):\n    _module_mapping = {**other}",
        "class T(ModuleMappingTransform):\n    _module_mapping = {Linear: Unknown}",
        "class T(ModuleMappingTransform):\n    _remote_mapping = {'a.B': made}",
    ],
)
def test_what_was_written_otherwise_is_not_read(line: str) -> None:
    with pytest.raises(SyntaxError):
        read_mapping(f"{MAPPING}\n\n{line}\n", "made")


def test_names_of_classes_that_cannot_be_imported() -> None:
    text = f"{MAPPING}    _remote_mapping = {{'modeling_toy.ToyForCausalLM': {{'modeling_toy.Toy': QEffLinear}}}}\n"
    _, transform = read_mapping(text, "made")
    place = transform.remote["modeling_toy.ToyForCausalLM"]["modeling_toy.Toy"]
    assert (place.module, place.name) == ("made.toy.modeling_toy", "QEffLinear")


def test_the_class_that_a_class_becomes() -> None:
    transforms = load_transforms("llama", ROOT / "generated")
    llama = importlib.import_module("transformers.models.llama.modeling_llama")
    found = transforms.class_of(llama.LlamaForCausalLM)
    assert found is not None and found.__name__ == "QEffLlamaForCausalLM"
    assert transforms.class_of(llama.LlamaMLP) is None
