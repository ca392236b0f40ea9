"""A family's configuration read as text: its own checkpoint, and sizes under the names that it really has."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.checkout.tiny_configuration import tiny_configuration
from qeff_codegen.checkout.upstream_configuration import UpstreamConfiguration, read_configuration
from qeff_codegen.upstream.transformers_text import transformers_in_wheel
from tests.checkout.conftest import CONFIGURATION, RELEASE, make_wheel


def configuration(folder: Path, **further: str) -> UpstreamConfiguration:
    make_wheel(folder, **further)
    tree = transformers_in_wheel(folder / "transformers" / f"transformers-{RELEASE}-py3-none-any.whl")
    found = read_configuration("sketch", tree)
    assert found is not None
    return found


def with_fields(*lines: str) -> str:
    return CONFIGURATION + "".join(f"    {line}\n" for line in lines)


def test_checkpoint_title_and_settings(tmp_path: Path) -> None:
    found = configuration(tmp_path)
    assert (found.checkpoint, found.unclear, found.title) == ("drawing/Sketch-1B", "", "Sketch!")
    assert found.path == "transformers/models/sketch/configuration_sketch.py"
    assert found.settings["vocab_size"] == 1234
    assert found.own_name("num_experts_per_tok") == "experts_per_token"


def test_sizes_by_the_names_the_class_has(tmp_path: Path) -> None:
    assert tiny_configuration(configuration(tmp_path)) == {
        "max_position_embeddings": 128,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "hidden_size": 64,
        "intermediate_size": 256,
        "vocab_size": 1234,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "experts_per_token": 2,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("n_routed_experts: int = 64", "n_group: int = 8"), {"n_routed_experts": 4, "n_group": 1}),
        (
            ("no_rope_layers: list[int] | None = None", "layer_types: list[str] | None = None"),
            {
                "no_rope_layers": [1, 0],
                "num_hidden_layers": 2,
                "layer_types": ["full_attention", "full_attention"],
            },
        ),
        (("kv_lora_rank: int = 512",), {"kv_lora_rank": 32, "num_key_value_heads": 2}),
        (
            ("layer_types: list[str] | None = None", 'kind = "sliding_attention"'),
            {"layer_types": ["full_attention"], "num_hidden_layers": 1},
        ),
        (
            ("layer_types: list[str] | None = None", 'kind = "sliding_attention"', "sliding_window: int = 64"),
            {"layer_types": ["sliding_attention", "full_attention"], "num_hidden_layers": 2},
        ),
        (
            (
                "layer_types: list[str] | None = None",
                'kind = "sliding_attention"',
                "sliding_window: int = 64",
                "use_sliding_window: bool = False",
            ),
            {"layer_types": ["full_attention"], "num_hidden_layers": 1},
        ),
    ],
)
def test_what_must_agree_with_the_sizes(tmp_path: Path, fields: tuple[str, ...], expected: dict[str, object]) -> None:
    found = tiny_configuration(configuration(tmp_path, sketch__configuration_sketch=with_fields(*fields)))
    assert {name: found.get(name) for name in expected} == expected


def test_settings_of_a_release_that_has_parameters(tmp_path: Path) -> None:
    text = '''\
class SketchConfig(PreTrainedConfig):
    """As [drawing/Sketch-2B](https://huggingface.co/drawing/Sketch-2B) has it."""

    attribute_map = {"hidden_size": "n_embd"}

    def __init__(self, vocab_size=99, n_embd=768, rope_parameters=None, **kwargs):
        super().__init__(**kwargs)
'''
    found = configuration(tmp_path, sketch__configuration_sketch=text)
    assert found.checkpoint == "drawing/Sketch-2B"
    assert tiny_configuration(found) == {"n_embd": 64, "vocab_size": 99}


COPY = CONFIGURATION.replace("Sketch(", "Copy(")


def test_a_checkpoint_that_two_families_name_belongs_to_the_one_it_is_called_after(tmp_path: Path) -> None:
    assert configuration(tmp_path, copy__configuration_copy=COPY).checkpoint == "drawing/Sketch-1B"


def test_or_to_the_one_that_the_others_were_made_from(tmp_path: Path) -> None:
    renamed = CONFIGURATION.replace("drawing/Sketch-1B", "drawing/one-1B")
    files = {"sketch__configuration_sketch": renamed, "copy__configuration_copy": renamed}
    made_from = {"copy__modular_copy": "from ..sketch.modeling_sketch import SketchModel\n"}
    assert configuration(tmp_path / "a", **files, **made_from).checkpoint == "drawing/one-1B"
    for further in ({}, {"sketch__modular_sketch": "from ..copy.modeling_copy import CopyModel\n"}):
        found = configuration(tmp_path / f"b{len(further)}", **files, **further)
        assert found.checkpoint is None
        assert found.unclear == (
            "transformers/models/sketch/configuration_sketch.py names drawing/one-1B, "
            "which the configurations of `copy` name too"
        )


def test_the_checkpoint_of_a_whole_is_not_that_of_its_part(tmp_path: Path) -> None:
    whole = 'class DrawingConfig(PreTrainedConfig):\n    sub_configs = {"text_config": SketchConfig}\n'
    found = configuration(tmp_path, sketch__configuration_sketch=CONFIGURATION + "\n\n" + whole)
    assert found.checkpoint is None
    assert "is the checkpoint of all that `DrawingConfig` describes" in found.unclear


def test_nor_is_a_whole_tiny_when_its_text_model_is(tmp_path: Path) -> None:
    found = configuration(
        tmp_path, sketch__configuration_sketch=with_fields('sub_configs = {"text_config": SketchTextConfig}')
    )
    assert found.checkpoint is None
    assert "is the checkpoint of all that `SketchConfig` describes" in found.unclear


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    text = CONFIGURATION.replace('(checkpoint="drawing/Sketch-1B")', "")
    found = configuration(tmp_path, sketch__configuration_sketch=text)
    assert found.checkpoint is None
    assert found.unclear == "transformers/models/sketch/configuration_sketch.py names no checkpoint"
