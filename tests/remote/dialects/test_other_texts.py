"""Idioms of older files that are other texts than Shale's in more than one place, and what is generated of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model
from tests.remote.dialects.idioms import IDIOMS
from tests.remote.dialects.shale import write_shale

Change = tuple[str, str]

IN_SLICES: Change = (
    "        return self.down_proj(nn.functional.silu(self.up_proj(x)))\n",
    """\
        if self.ranks > 1:
            size = self.up_proj.weight.shape[0] // self.ranks
            slices = self.up_proj.weight.split(size, dim=0)
            x = torch.cat([nn.functional.linear(x, slices[i]) for i in range(self.ranks)], dim=-1)
            x = nn.functional.silu(x).split(size, dim=2)
            slices = self.down_proj.weight.split(size, dim=1)
            parts = [nn.functional.linear(x[i], slices[i]) for i in range(self.ranks)]
            return sum(parts)
        return self.down_proj(nn.functional.silu(self.up_proj(x)))
""",
)
FOUR_AXES: tuple[Change, ...] = (
    ("emb.cos().to(dtype)", "emb.cos()[None, None, :, :].to(dtype)"),
    ("emb.sin().to(dtype)", "emb.sin()[None, None, :, :].to(dtype)"),
    ("self.cos_cached[:seq_len]", "self.cos_cached[:, :, :seq_len, ...]"),
    ("self.sin_cached[:seq_len]", "self.sin_cached[:, :, :seq_len, ...]"),
    ("    cos = cos[position_ids]", "    cos = cos.squeeze(1).squeeze(0)\n    cos = cos[position_ids]"),
    ("    sin = sin[position_ids]", "    sin = sin.squeeze(1).squeeze(0)\n    sin = sin[position_ids]"),
)
FUSED: tuple[Change, ...] = (
    ("from torch import nn\n", "from einops import rearrange\nfrom torch import nn\n"),
    (
        "self.q_proj(hidden_states).view(bsz, q_len, self.num_heads, self.head_dim).transpose(1, 2)",
        'rearrange(self.q_proj(hidden_states), "b s (h d) -> b h s d", d=self.head_dim)',
    ),
)
ROTATION = "        self.rotary_emb = ShaleRotaryEmbedding("
BY_METHOD: tuple[Change, ...] = (
    (ROTATION, "        self.rotary_emb = self._init_rope()\n\n    def _init_rope(self):\n" + ROTATION),
    (
        "base=config.rope_theta\n        )\n",
        "base=self.config.rope_theta\n        )\n        return self.rotary_emb\n",
    ),
)
KEYWORDS: tuple[Change, ...] = (
    ("class ShaleForCausalLM", "class ShaleKeywords(TransformersKwargs): ...\n\n\nclass ShaleForCausalLM"),
    ("from torch import nn\n", "from torch import nn\nfrom transformers.utils import TransformersKwargs\n"),
    (
        "        inputs_embeds=None,\n        labels=None",
        "        inputs_embeds: ShaleKeywords | None = None,\n        labels=None",
    ),
)


def generated(folder: Path, *changes: Change, **pieces: str) -> GeneratedModel:
    """What is generated of Shale with each text put in the place of another."""
    path = write_shale(folder, **pieces) / "modeling_shale.py"
    text = path.read_text("utf-8")
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path.write_text(text, "utf-8")
    return generate_model(find_model("shale", source=folder))


def test_an_implementation_that_the_file_keeps_itself(tmp_path: Path) -> None:
    pieces = {name: text.replace("._attn", ".attn") for name, text in IDIOMS["attention_classes"].items()}
    own, usual = generated(tmp_path / "own", **pieces), generated(tmp_path / "usual", **IDIOMS["attention_classes"])
    assert own.code.partition("\nclass ")[2] == usual.code.partition("\nclass ")[2] != ""


def test_slices_of_a_product_are_added_up(tmp_path: Path) -> None:
    ranks = ("class ShaleMLP(nn.Module):\n", "class ShaleMLP(nn.Module):\n    ranks = 1\n\n")
    assert generated(tmp_path, ranks, IN_SLICES).code


def test_a_sum_along_tokens_is_no_sum_of_slices(tmp_path: Path) -> None:
    summed = (IN_SLICES[0], "        return sum([x, x.flip(1)]) * sum(x.shape)\n")
    with pytest.raises(Refusal, match="tokens"):
        generated(tmp_path, summed)


def test_tables_with_two_axes_in_front(tmp_path: Path) -> None:
    model = generated(tmp_path, *FOUR_AXES)
    assert dict(model.rules)["tables_of_two_axes"] == 2
    assert "squeeze(1)" not in model.code


def test_axes_that_are_named_in_a_text(tmp_path: Path) -> None:
    model = generated(tmp_path, *FUSED)
    assert (
        "query_states = self.q_proj(hidden_states).unflatten(2, (-1, self.head_dim)).permute(0, 2, 1, 3)" in model.code
    )
    assert "einops" not in model.code


def test_a_rotation_that_a_method_makes_and_gives_back(tmp_path: Path) -> None:
    model = generated(tmp_path, *BY_METHOD)
    assert "QEffShaleRotaryEmbedding" in model.code


def test_keywords_of_a_call_are_a_class_that_is_copied(tmp_path: Path) -> None:
    assert "class ShaleKeywords(TransformersKwargs): ..." in generated(tmp_path, *KEYWORDS).code
