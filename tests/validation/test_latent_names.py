"""The names that the contract gives to a compressed cache, in the graph of a family that keeps one."""

from __future__ import annotations

from pathlib import Path

import onnx

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model

GENERATED = Path(__file__).parents[2] / "generated"


def test_a_compressed_cache_has_names_of_its_own(tmp_path: Path) -> None:
    family = find_family("deepseek_v3")
    upstream = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    model = load_transforms(family.name, GENERATED).apply(upstream)
    graph = onnx.load(export_onnx(model, tmp_path / "model.onnx", ExportSpec(ctx_len=16))).graph
    cache = [f"{part}.{layer}" for layer in range(len(model.model.layers)) for part in ("compressed_kv", "k_pe")]
    assert [item.name for item in graph.input] == ["input_ids", "position_ids", *cache]
    assert [item.name for item in graph.output] == ["logits", *(f"{name}_RetainedState" for name in cache)]
    sizes = {item.name: item.type.tensor_type.shape.dim[3].dim_value for item in graph.input if item.name in cache}
    config = model.config
    assert {sizes[name] for name in cache[::2]} == {config.kv_lora_rank}
    assert {sizes[name] for name in cache[1::2]} == {config.qk_rope_head_dim}
    assert config.kv_lora_rank != config.qk_rope_head_dim
