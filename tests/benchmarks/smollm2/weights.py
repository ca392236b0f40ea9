"""SmolLM2's weights as a folder that every side reads."""

from __future__ import annotations

import io
import json
import os
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM

from qeff_codegen.deploy.checkpoint import load_checkpoint
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.upstream.cache_folder import cache_folder


def saved_checkpoint() -> Path:
    """The folder, written when first asked for: what is packaged is quantized, and optimum-onnx reads no such file."""
    folder = cache_folder() / "benchmarks" / "smollm2"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _save_smollm2(Path(temporary) / "smollm2")
            os.rename(Path(temporary) / "smollm2", folder)
    return folder


def save_smallest(folder: Path) -> None:
    """A model with SmolLM2's vocabulary, small as can be, with random weights that are far from each other."""
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    _save(build_tiny_model(LlamaForCausalLM, config, seed=0), folder)


def _save_smollm2(folder: Path) -> None:
    checkpoint = load_checkpoint("smollm2")
    _save(checkpoint.model, folder)
    checkpoint.tokenizer.save_pretrained(folder)
    # optimum-onnx's transformers looks for it where it was before 5.0, and takes a default where it finds none.
    path = folder / "config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings["rope_theta"] = settings["rope_parameters"]["rope_theta"]
    path.write_text(json.dumps(settings, indent=2), "utf-8")


def _save(model: Any, folder: Path) -> None:
    # transformers draws progress bars that have no switch.
    with redirect_stderr(io.StringIO()):
        model.save_pretrained(folder)
