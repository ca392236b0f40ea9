"""What a file inherits and imports from other modules is read with it: whose lines stand where, under which names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model, inspect_model
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.remote.boulder import MODELING, NORMS, write_boulder


def joined(folder: Path, **files: str) -> UpstreamModel:
    return find_model("mine", source=write_boulder(folder, **files))


def body_of(model: UpstreamModel, cls: str, method: str) -> list[str]:
    (found,) = [node for node in ast.parse(model.source).body if isinstance(node, ast.ClassDef) and node.name == cls]
    (function,) = [node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == method]
    return [ast.unparse(item).splitlines()[0] for item in function.body]


def test_every_line_knows_its_file(tmp_path: Path) -> None:
    model = joined(tmp_path)
    own = (tmp_path / "modeling_boulder.py").read_text().splitlines()
    assert len(model.places) == len(model.lines)
    assert {path for path, _ in model.places} == {
        "modeling_boulder.py",
        "norms.py",
        "transformers/models/llama/modeling_llama.py",
    }
    # Class lines name other bases, and what the file imports under another name has one name in the text.
    differing = [
        line
        for line, (path, number) in zip(model.lines, model.places, strict=True)
        if path == "modeling_boulder.py" and line and line not in (own[number - 1], f"{own[number - 1]}\n")
    ]
    assert [line for line in differing if not line.startswith(("class ", "from ", "import "))] == []


def test_a_class_is_spelled_out_with_what_it_inherits(tmp_path: Path) -> None:
    model = joined(tmp_path)
    assert "class BoulderAttention(nn.Module):\n" in model.source
    assert "class BoulderForCausalLM(PreTrainedModel, GenerationMixin):\n" in model.source
    body = body_of(model, "BoulderAttention", "__init__")
    assert body[0] == "super().__init__()"
    # What is set again is set once, to what it is set to at last.
    assert [line for line in body if line.startswith("self.scaling")] == ["self.scaling = config.attention_multiplier"]
    body = body_of(model, "BoulderDecoderLayer", "__init__")
    assert [line for line in body if "self_attn" in line] == ["self.self_attn = BoulderAttention(config, layer_idx)"]
    assert "self.mlp = LlamaMLP(config)" in body


def test_only_what_is_needed_is_taken(tmp_path: Path) -> None:
    names = {name for name, _, _ in joined(tmp_path).defined_in}
    assert {"Norm", "LlamaAttention", "eager_attention_forward", "rotate_half"} <= names
    assert not {name for name in names if "Classification" in name or "Question" in name}


def test_a_file_that_takes_nothing_is_left_as_it_is(tmp_path: Path) -> None:
    text = "import torch\nfrom transformers.activations import ACT2FN\n\n\nclass A:\n    pass\n"
    (tmp_path / "modeling_a.py").write_text(text)
    model = find_model("a", source=tmp_path)
    assert (model.source, model.places, model.defined_in) == (text, (), ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import LlamaAttention as Attention", "import LlamaAttention"),
        (
            "from transformers.models.llama.modeling_llama import LlamaAttention as Attention",
            "from transformers.models.llama import modeling_llama",
        ),
        (
            "from transformers.models.llama.modeling_llama import LlamaAttention as Attention",
            "import transformers.models.llama.modeling_llama as llama",
        ),
    ],
    ids=["by its name", "of its module", "of its module under another name"],
)
def test_spellings_of_a_base(tmp_path: Path, old: str, new: str) -> None:
    spelled = {"import modeling_llama": "modeling_llama.LlamaAttention", "as llama": "llama.LlamaAttention"}
    base = next((text for end, text in spelled.items() if new.endswith(end)), "LlamaAttention")
    text = MODELING.replace(old, new).replace("(Attention)", f"({base})")
    expected = joined(tmp_path / "one")
    model = joined(tmp_path / "two", modeling_boulder=text)
    assert body_of(model, "BoulderAttention", "forward") == body_of(expected, "BoulderAttention", "forward")
    generate_model(model)


INHERITING = """
import torch
from torch import nn


class Base(nn.Module):
    kind = "base"

    def __init__(self, size, factor=2, *, bias=True):
        super().__init__()
        self.size = size * factor
        self.left = nn.Linear(size, size, bias=bias)
        self.right = nn.Linear(size, size)

    def forward(self, x):
        return self.left(x)


class Middle(Base):
    def helper(self, x):
        return x
"""


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        ("", ["super().__init__()", "self.size = size * factor", "self.left = ...", "self.right = ..."]),
        (
            "super().__init__(width)\nself.right = nn.Identity()",
            ["size = width", "factor = 2", "bias = True", "super().__init__()"]
            + ["self.size = size * factor", "self.left = ...", "self.right = nn.Identity()"],
        ),
        (
            "super().__init__(width, bias=False, factor=3)\nself.left = nn.Sequential(self.left)",
            ["size = width", "factor = 3", "bias = False", "super().__init__()"]
            + [
                "self.size = size * factor",
                "self.left = ...",
                "self.right = ...",
                "self.left = nn.Sequential(self.left)",
            ],
        ),
        ("super(Base, self).__init__()\nself.only = 1", ["super(Base, self).__init__()", "self.only = 1"]),
        ("nn.Module.__init__(self)\nself.only = 1", ["nn.Module.__init__(self)", "self.only = 1"]),
        (
            "Base.__init__(self, width)",
            ["size = width", "factor = 2", "bias = True", "super().__init__()"]
            + ["self.size = size * factor", "self.left = ...", "self.right = ..."],
        ),
        ("super().__init__(*[width])", ["super().__init__(*[width])"]),
    ],
    ids=["none", "positional", "by keyword", "past a class", "of a module", "by name", "unpacked"],
)
def test_the_initializer_of_a_base_stands_where_it_is_called(
    tmp_path: Path, initializer: str, expected: list[str]
) -> None:
    own = "".join(f"        {line}\n" for line in initializer.splitlines())
    define = f"    def __init__(self, width):\n{own}\n" if own else "    pass\n"
    text = f"from torch import nn\nfrom .parts import Base, Middle\n\n\nclass Own(Middle):\n{define}"
    (tmp_path / "modeling_own.py").write_text(text)
    (tmp_path / "parts.py").write_text(INHERITING)
    model = find_model("own", source=tmp_path)
    short = {"self.left = nn.Linear(size, size, bias=bias)": "self.left = ..."}
    short["self.right = nn.Linear(size, size)"] = "self.right = ..."
    assert [short.get(line, line) for line in body_of(model, "Own", "__init__")] == expected
    assert body_of(model, "Own", "helper") == ["return x"]
    assert body_of(model, "Own", "forward") == ["return self.left(x)"]
    assert "class Own(nn.Module):\n    kind = 'base'\n".replace("'", '"') in model.source


def test_a_name_that_means_something_else_is_another_one(tmp_path: Path) -> None:
    """The file has a `rotate_half` of its own, and Llama's attention goes on with Llama's."""
    text = MODELING.replace(
        "\n\nclass BoulderAttention", "\n\ndef rotate_half(x):\n    return -x\n\n\nclass BoulderAttention", 1
    )
    model = joined(tmp_path, modeling_boulder=text)
    assert (
        "rotate_half_of_modeling_llama",
        "transformers.models.llama.modeling_llama",
        "rotate_half",
    ) in model.defined_in
    assert "(rotate_half_of_modeling_llama(q) * sin)" in model.source
    code = generate_model(model).code
    assert "def rotate_half(" not in code
    assert "apply_rotary_pos_emb" in code


def test_a_copy_of_a_function_is_the_function(tmp_path: Path) -> None:
    """Files carry copies of helpers: what says the same is one."""
    copied = "def rotate_half(x):\n    x1 = x[..., : x.shape[-1] // 2]\n    x2 = x[..., x.shape[-1] // 2 :]\n"
    text = MODELING.replace(
        "\n\nclass BoulderAttention",
        f"\n\n{copied}    return torch.cat((-x2, x1), dim=-1)\n\n\nclass BoulderAttention",
        1,
    )
    names = {name for name, _, _ in joined(tmp_path, modeling_boulder=text).defined_in}
    assert not {name for name in names if name.startswith("rotate_half")}


def test_an_import_that_means_something_else_is_another_one(tmp_path: Path) -> None:
    text = MODELING.replace("from torch import nn\n", "import collections as Callable\nfrom torch import nn\n", 1)
    model = joined(tmp_path, modeling_boulder=text)
    assert "\nfrom collections.abc import Callable as Callable_of_modeling_llama\n" in model.source
    assert "attention_interface: Callable_of_modeling_llama = " in model.source


def test_a_class_of_one_name_in_two_modules(tmp_path: Path) -> None:
    """The file's own norm is called as Llama's, which the layers still have behind their attention."""
    text = MODELING.replace("from .norms import Norm", "from .norms import LlamaRMSNorm").replace(
        "Norm(config", "LlamaRMSNorm(config"
    )
    model = joined(tmp_path, modeling_boulder=text, norms=NORMS.replace("class Norm", "class LlamaRMSNorm"))
    entries = {(item.upstream_module, item.upstream_class) for item in generate_model(model).mappings}
    assert ("norms", "LlamaRMSNorm") in entries
    assert ("transformers.models.llama.modeling_llama", "LlamaRMSNorm") in entries


def test_a_file_beside_it_may_be_laid_out_in_its_own_way(tmp_path: Path) -> None:
    two_blanks = "\n".join(line.replace("    ", "  ") for line in NORMS.splitlines())
    assert "    return self.weight" in joined(tmp_path, norms=two_blanks + "\n").source


def test_roles_and_refusals_name_the_file_that_a_line_is_of(tmp_path: Path) -> None:
    model = joined(tmp_path)
    places = {role.name: model.place(role.line) for role in inspect_model(model)}
    assert places["Norm"] == ("norms.py", NORMS.splitlines().index("class Norm(nn.Module):") + 1)
    broken = NORMS.replace("variance = ", "variance = self.kept = ")
    with pytest.raises(Refusal) as caught:
        generate_model(joined(tmp_path / "broken", norms=broken))
    place = caught.value.location
    assert place is not None
    assert place.path == "norms.py"
    assert broken.splitlines()[place.line - 1] == place.excerpt


@pytest.mark.parametrize("kind", ["link", "no Python"])
def test_a_file_beside_it_that_is_not_read(tmp_path: Path, kind: str) -> None:
    folder = write_boulder(tmp_path / "boulder")
    if kind == "link":
        (folder / "norms.py").rename(tmp_path / "elsewhere.py")
        (folder / "norms.py").symlink_to(tmp_path / "elsewhere.py")
    else:
        (folder / "norms.py").write_text("class Norm(:\n")
    message = "norms.py is a link to a file outside" if kind == "link" else "norms.py, cannot be read as Python"
    with pytest.raises(Refusal, match=message):
        find_model("mine", source=folder)
