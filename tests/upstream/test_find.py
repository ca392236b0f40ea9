"""A name leads to one modeling file, in any dialect of the tables; a wrong one leads to a message."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.upstream.find import causal_lm_families, find_model, image_text_families
from tests.upstream.conftest import TreeMaker, facts


@pytest.mark.parametrize(
    ("given", "name", "path", "class_name"),
    [
        ("apple_text", "apple_text", "apple/modeling_apple.py", "AppleForCausalLM"),
        ("Apple-Text", "apple_text", "apple/modeling_apple.py", "AppleForCausalLM"),
        ("cider", "apple_text", "apple/modeling_apple.py", "AppleForCausalLM"),
        ("pear-moe", "pear_moe", "pear_moe/modeling_pear_moe.py", "PearMoeForCausalLM"),
        ("pear_moe", "pear_moe", "pear_moe/modeling_pear_moe.py", "PearMoeForCausalLM"),
        ("plum", "plum", "stone_fruit/modeling_stone_fruit_text.py", "PlumLMHeadModel"),
    ],
)
def test_names(make_tree: TreeMaker, tmp_path: Path, given: str, name: str, path: str, class_name: str) -> None:
    model = find_model(given, source=make_tree(tmp_path))
    module = f"transformers.models.{path.removesuffix('.py').replace('/', '.')}"
    assert facts(model) == (name, f"transformers/models/{path}", module, class_name, "9.8.7")
    assert f"class {class_name}(Base)" in model.source


OF_CLIP = "class CLIPNorm(nn.Module):\n    def forward(self, x):\n        return x\n"


@pytest.mark.parametrize("spelled", ["...models.clip", "..clip"])
def test_a_class_of_another_family_stands_in_the_text(make_tree: TreeMaker, tmp_path: Path, spelled: str) -> None:
    tree = make_tree(tmp_path)
    (tree / "models/clip/modeling_clip.py").write_text(f"from torch import nn\n\n\n{OF_CLIP}")
    path = tree / "models/apple/modeling_apple.py"
    own = "class AppleForCausalLM(Base):\n    def forward(self, x):\n        return CLIPNorm()(x)\n"
    path.write_text(f"from {spelled}.modeling_clip import CLIPNorm\n\n\n{own}")
    model = find_model("cider", source=tree)
    assert own in model.source
    assert OF_CLIP in model.source
    assert model.definition("CLIPNorm") == ("transformers.models.clip.modeling_clip", "CLIPNorm")
    assert model.place(model.source.split("\n").index("class CLIPNorm(nn.Module):") + 1) == (
        "transformers/models/clip/modeling_clip.py",
        4,
    )
    assert facts(model) == (
        *("apple_text", "transformers/models/apple/modeling_apple.py", "transformers.models.apple.modeling_apple"),
        *("AppleForCausalLM", "9.8.7"),
    )


def test_what_chooses_among_families_is_not_taken(make_tree: TreeMaker, tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    path = tree / "models/apple/modeling_apple.py"
    path.write_text(
        "from ..auto.modeling_auto import MODEL_MAPPING_NAMES\n\n\nclass AppleForCausalLM(Base):\n"
        "    names = MODEL_MAPPING_NAMES\n"
    )
    model = find_model("cider", source=tree)
    assert model.source == path.read_text()
    assert not model.places


@pytest.mark.parametrize("inside", [".", "src", "transformers"], ids=["unpacked", "checkout", "package"])
def test_shapes_of_a_tree(make_tree: TreeMaker, tmp_path: Path, inside: str) -> None:
    make_tree(tmp_path / "src" if inside == "src" else tmp_path)
    source = tmp_path / "transformers" if inside == "transformers" else tmp_path
    assert find_model("cider", source=source).module == "transformers.models.apple.modeling_apple"


def test_families(make_tree: TreeMaker, tmp_path: Path) -> None:
    assert causal_lm_families(source=make_tree(tmp_path)) == ("apple_text", "cider", "pear-moe", "plum")


def test_families_of_no_tree(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        causal_lm_families(source=tmp_path)
    assert str(caught.value) == f"{tmp_path} is no transformers tree: it has no models/auto/modeling_auto.py."


@pytest.mark.parametrize(
    ("name", "hint"),
    [("pear", "Near names: pear-moe."), ("quince", "None of its 4 causal LMs has a near name.")],
)
def test_unknown_name(make_tree: TreeMaker, tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_model(name, source=make_tree(tmp_path))
    assert str(caught.value) == (
        f"transformers 9.8.7 has no model `{name}`. {hint}\n"
        "For another release give --transformers VERSION, for a model outside transformers --source PATH."
    )


def test_family_without_causal_lm(make_tree: TreeMaker, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        find_model("clip", source=make_tree(tmp_path))
    assert str(caught.value) == (
        "refused by upstream: `clip` of transformers 9.8.7 has no causal language model\n"
        "  expected an entry in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES of transformers/models/auto/modeling_auto.py\n"
        "  next     choose a family that generates text"
    )


def test_family_whose_text_model_has_one(make_tree: TreeMaker, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="next     generate its text model: apple_text$"):
        find_model("apple", source=make_tree(tmp_path))


def test_a_class_that_no_file_defines(make_tree: TreeMaker, tmp_path: Path) -> None:
    tree = make_tree(tmp_path, without=("models/stone_fruit/modeling_stone_fruit_text.py",))
    with pytest.raises(UsageError) as caught:
        find_model("plum", source=tree)
    assert str(caught.value) == (
        "transformers 9.8.7 names PlumLMHeadModel as the causal LM of `plum`, "
        "but none of its modeling files defines it.\n"
        "The tree seems incomplete: install or unpack it again."
    )


@pytest.mark.parametrize("text", ["", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(\n    [('a', \n"])
def test_tables_that_cannot_be_read(make_tree: TreeMaker, tmp_path: Path, text: str) -> None:
    tree = make_tree(tmp_path)
    (tree / "models/auto/modeling_auto.py").write_text(text)
    with pytest.raises(UsageError, match=r"The auto tables of this transformers .* are missing, or hold no entries"):
        find_model("plum", source=tree)


@pytest.mark.parametrize("name", ["../llama", "class", "", "lläma"])
def test_names_that_are_no_package(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a model's name: it becomes the name of a Python package"):
        find_model(name)


def test_two_releases_at_once(make_tree: TreeMaker, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--transformers and --source each name a release of transformers"):
        find_model("plum", transformers_version="5.24.0", source=make_tree(tmp_path))


def test_blueprint_is_bundled() -> None:
    model = find_model("blueprint")
    path = "qeff_codegen/examples/blueprint/modeling_blueprint.py"
    assert facts(model) == (
        "blueprint",
        path,
        "qeff_codegen.examples.blueprint.modeling_blueprint",
        None,
        None,
    )
    assert model.source == Path(path).read_text()


def test_installed_models_are_found_without_importing_anything_of_upstream() -> None:
    program = (
        "import sys\n"
        "from qeff_codegen.upstream.find import causal_lm_families, find_model\n"
        "names = causal_lm_families()\n"
        "models = [find_model(name) for name in ('llama', 'gpt2', 'gpt-sw3', 'gemma3_text', 'internlm3')]\n"
        "print(*(model.module for model in models), len(names) > 100, {'torch', 'transformers'} & set(sys.modules))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [
        *(f"transformers.models.{name}.modeling_{name}" for name in ("llama", "gpt2", "gpt2", "gemma3", "llama")),
        "True",
        "set()",
    ]


def test_every_installed_family_has_its_file() -> None:
    """Slow for one test (a few seconds), and the only one that meets every way a family is laid out."""
    models = {name: find_model(name) for name in causal_lm_families()}
    classes = {name: model.causal_lm or model.image_text for name, model in models.items()}
    assert [name for name, model in models.items() if f"class {classes[name]}" not in model.source] == []


def test_a_class_of_both_tables_is_an_image_text_model() -> None:
    model = find_model("pp_chart2table")
    assert (model.causal_lm, model.image_text) == (None, "GotOcr2ForConditionalGeneration")
    assert model == find_model("got_ocr2")
    assert {"got_ocr2", "pp_chart2table"} <= set(image_text_families())
    assert "emu3" not in image_text_families()
    assert find_model("emu3").causal_lm == "Emu3ForCausalLM"
