"""Runs in a checkout's interpreter: python image_exports.py FOLDER FAMILY

Exports a tiny image-text model as the checkout does in each of its ways, and prints one JSON document: which sizes
the graphs ask for and which each specialization gives, the functions of a graph that is exported with them, and how
far one program's logits are from those of two.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from QEfficient import QEFFAutoModelForImageTextToText

from qeff_codegen.checkout.runnable_graph import runnable_graph
from qeff_codegen.tiny_models.image_families import build_image_config, find_image_family, image_variants
from qeff_codegen.tiny_models.models import build_tiny_model

SIZES = {"batch_size": 1, "prefill_seq_len": 16, "ctx_len": 256}
WAYS: dict[str, dict[str, Any]] = {
    "two programs": {"kv_offload": True},
    "continuous batching": {"kv_offload": True, "continuous_batching": True},
    "compute context length": {"kv_offload": True, "qaic_config": {"ccl_enabled": True}},
    "one program": {"kv_offload": False},
}
LENGTHS = {"comp_ctx_lengths_prefill": [64], "comp_ctx_lengths_decode": [64, 128]}
ROWS = {"full_batch_size": 4, "kv_cache_batch_size": 4}


def tiny(name: str) -> Any:
    """Upstream's model of a family, in its tiny configuration."""
    family = find_image_family(name)
    assert family is not None
    base, *_ = image_variants(family)
    model = build_tiny_model(family.model_class, build_image_config(family, base), 0)
    model.config.architectures = [type(model).__name__]
    return model


def asked(path: Path) -> list[str]:
    """The names of axes of a graph's inputs."""
    graph = onnx.load(path, load_external_data=False).graph
    names = {size.dim_param for item in graph.input for size in item.type.tensor_type.shape.dim if size.dim_param}
    return sorted(names)


def exported(model: Any, way: str, folder: Path, **options: Any) -> tuple[Any, list[Path]]:
    """QEfficient's model of a copy of `model`, and its graphs."""
    made = QEFFAutoModelForImageTextToText(copy.deepcopy(model), **WAYS[way])
    if way == "compute context length":
        made.comp_ctx_lengths_prefill, made.comp_ctx_lengths_decode = LENGTHS.values()
    paths = made.export(export_dir=str(folder / way.replace(" ", "_")), **options)
    return made, [Path(path) for path in (paths if isinstance(paths, list) else [paths])]


def specializations(made: Any, way: str) -> dict[str, list[list[str]]]:
    """The sizes that each specialization gives, by program."""
    offload = WAYS[way]["kv_offload"]
    continuous = WAYS[way].get("continuous_batching", False)
    lengths = LENGTHS if way == "compute context length" else {}
    found, _ = made.model.get_specializations(
        **{"kv_cache_batch_size": 1, **SIZES, **lengths, **(ROWS if continuous else {})},
        kv_offload=offload,
        continuous_batching=continuous,
    )
    by_program = found if offload else {"lang": found}
    return {program: [sorted(sizes) for sizes in each] for program, each in by_program.items()}


def logits(path: Path, tokens: list[int], **images: np.ndarray) -> np.ndarray:
    """What a language program gives for a prompt in one call."""
    session = ort.InferenceSession(str(runnable_graph(path)), providers=["CPUExecutionProvider"])
    given: dict[str, np.ndarray] = {
        "input_ids": np.array([tokens]),
        "position_ids": np.arange(len(tokens))[None],
        "image_idx": np.zeros((1, 1), np.int64),
        **images,
    }
    for item in session.get_inputs():
        if item.name.startswith("past_"):
            given[item.name] = np.zeros((1, item.shape[1], 64, item.shape[3]), np.float32)
    result: np.ndarray = session.run(["logits"], given)[0]
    return result


def main() -> None:
    """Print what was found."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder, name = Path(sys.argv[1]), sys.argv[2]
    model = tiny(name)
    found: dict[str, Any] = {}
    paths: dict[str, list[Path]] = {}
    for way in WAYS:
        made, paths[way] = exported(model, way, folder)
        programs = ["vision", "lang"] if WAYS[way]["kv_offload"] else ["lang"]
        found[way] = {
            "asked": {program: asked(path) for program, path in zip(programs, paths[way], strict=True)},
            "given": specializations(made, way),
        }
    _, (_, language) = exported(model, "two programs", folder / "functions", use_onnx_subfunctions=True)
    found["functions"] = [item.name for item in onnx.load(language, load_external_data=False).functions]
    vision, language = paths["two programs"]
    pixels = np.random.default_rng(0).standard_normal(made.model.get_qeff_pixel_shape()).astype(np.float32)
    embeds = ort.InferenceSession(str(runnable_graph(vision))).run(None, {"pixel_values": pixels})[0]
    prompt = [3, 5, *[model.config.image_token_id] * embeds.shape[1], 7, 8]
    of_two = logits(language, prompt, vision_embeds=embeds)
    of_one = logits(paths["one program"][0], prompt, pixel_values=pixels)
    found["one against two"] = float(np.abs(of_one - of_two).max())
    answers.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
