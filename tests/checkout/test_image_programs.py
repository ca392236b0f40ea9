"""An image-text model's two programs have the interface of those that QEfficient exports, but for what is listed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModelForImageTextToText

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.checkout.environment import environment_for
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.vision_export import export_vision
from qeff_codegen.tiny_models.models import build_tiny_model
from tests.checkout.interface import Interface, differences, interface_of
from tests.checkout.qefficient import needs_qefficient, qefficient_checkout, qefficient_python

ROOT = Path(__file__).resolve().parents[2]
IN_CHECKOUT = Path(__file__).with_name("image_programs.py")
IMAGE_SIZE, HIDDEN, VOCABULARY = 336, 64, 256
# The image's size is the only one that QEfficient exports llava for.
SETTINGS: dict[str, Any] = {
    "model_type": "llava",
    "image_token_index": VOCABULARY - 1,
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": IMAGE_SIZE,
        "patch_size": 112,
    },
    "text_config": {
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 2048,
    },
}
# What differs in each program, ours first; docs/images.md has the reasons.
IN_VISION = {
    "pixel_values": (
        f"float [batch_size, 3, {IMAGE_SIZE}, {IMAGE_SIZE}]",
        "float [batch_size, 3, img_size, img_size]",
    ),
    "vision_embeds": (
        f"float [batch_size, Addvision_embeds_dim_1, {HIDDEN}]",
        f"float [Addvision_embeds_dim_0, Addvision_embeds_dim_1, {HIDDEN}]",
    ),
}
IN_LANGUAGE = {
    "image_idx": ("int64 [batch_size, 1]", "int64 [1, 1]"),
    "image_idx_output": ("int64 [batch_size, 1]", "int64 [1, 1]"),
    "logits": (f"float [batch_size, 1, {VOCABULARY}]", f"float [Castlogits_dim_0, Castlogits_dim_1, {VOCABULARY}]"),
}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Interface]:
    folder = tmp_path_factory.mktemp("theirs")
    ran = subprocess.run(
        [qefficient_python(), "-W", "ignore", IN_CHECKOUT, folder, json.dumps(SETTINGS)],
        env=environment_for(qefficient_checkout(), folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return {program: interface_of(path) for program, path in json.loads(ran.stdout.splitlines()[-1]).items()}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Interface]:
    folder = tmp_path_factory.mktemp("ours")
    config = AutoConfig.for_model(**SETTINGS)
    model_class: Any = AutoModelForImageTextToText._model_mapping[type(config)]
    model = build_tiny_model(model_class, config, seed=0)
    model.set_attn_implementation("eager")
    model = load_transforms("llava", ROOT / "generated").apply(model).eval()
    found = {"vision": interface_of(export_vision(model.get_qeff_vision_encoder(), folder / "vision.onnx"))}
    for mode in ("plain", "continuous"):
        spec = ExportSpec(ctx_len=1024, images=True, continuous_batching=mode == "continuous")
        path = export_onnx(model.get_qeff_language_decoder().eval(), folder / f"{mode}.onnx", spec)
        found[f"language, {mode}"] = interface_of(path)
    return found


@needs_qefficient
@pytest.mark.parametrize(
    ("program", "differing"),
    [("vision", IN_VISION), ("language, plain", IN_LANGUAGE), ("language, continuous", IN_LANGUAGE)],
)
def test_programs_differ_in_what_is_said_alone(
    program: str, differing: dict[str, tuple[str, str]], ours: dict[str, Interface], theirs: dict[str, Interface]
) -> None:
    assert differences(ours[program], theirs[program]) == differing


INTERFACE: Interface = {"inputs": [("a", "int64 [x]"), ("b", "float [y]")], "outputs": [("c", "float [y]")]}


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (INTERFACE, {}),
        (INTERFACE | {"outputs": [("c", "float16 [y]")]}, {"c": ("float [y]", "float16 [y]")}),
        (INTERFACE | {"outputs": []}, {"c": ("float [y]", "none")}),
        (INTERFACE | {"outputs": [*INTERFACE["outputs"], ("d", "bool []")]}, {"d": ("none", "bool []")}),
        (INTERFACE | {"inputs": INTERFACE["inputs"][::-1]}, {"order of inputs": ("a, b", "b, a")}),
    ],
)
def test_a_difference_is_found(other: Interface, found: dict[str, tuple[str, str]]) -> None:
    assert differences(INTERFACE, other) == found
