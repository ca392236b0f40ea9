"""Runs in a checkout's interpreter: python hybrid_in_checkout.py WEIGHTS FOLDER

WEIGHTS is a file with a hybrid text model's sizes and weights. It is put into the checkout's image-text model, whose
program for text is exported twice, then as a text model of its own; one JSON document says what came of it. Graphs are
written to FOLDER, in the form that ONNX Runtime can run.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from QEfficient import QEFFAutoModelForCausalLM, QEFFAutoModelForImageTextToText
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from qeff_codegen.checkout.runnable_graph import runnable_graph
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream

# The tower is not exported; it must only be there.
TOWER = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "num_position_embeddings": 16}


def image_text_model(family: str, sizes: dict[str, Any], weights: dict[str, torch.Tensor]) -> Any:
    """The checkout's image-text model around a text model of these sizes and weights."""
    tower = TOWER | {"out_hidden_size": sizes["hidden_size"]}
    config = AutoConfig.for_model(family, text_config=sizes, vision_config=tower, tie_word_embeddings=False)
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="eager").to(torch.float32).eval()
    text = {name.removeprefix("model."): value for name, value in weights.items() if name.startswith("model.")}
    model.model.language_model.load_state_dict(text)
    model.lm_head.load_state_dict({"weight": weights["lm_head.weight"]})
    model.config.architectures = [type(model).__name__]
    return model


def language_program(model: Any, continuous: bool, folder: Path) -> Path:
    """The exported program for text."""
    both = QEFFAutoModelForImageTextToText(copy.deepcopy(model), kv_offload=True, continuous_batching=continuous)
    *_, exported = both.export(export_dir=str(folder), skip_vision=True)
    return runnable_graph(Path(exported))


def text_alone(family: str, sizes: dict[str, Any], folder: Path) -> str:
    """What exporting the text model alone ends with: nothing, or its error."""
    config = AutoConfig.for_model(f"{family}_text", **sizes)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    model.config.architectures = [type(model).__name__]
    try:
        QEFFAutoModelForCausalLM(model).export(export_dir=str(folder))
    except Exception as error:  # whatever the checkout raises is what is asked for
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Export all three, and print what came of it."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    quiet_upstream()
    given, folder = torch.load(sys.argv[1]), Path(sys.argv[2])
    family, sizes = given["family"], given["sizes"]
    with one_thread():
        model = image_text_model(family, sizes, given["weights"])
        graphs = {
            mode: language_program(model, mode == "continuous", folder / mode) for mode in ("plain", "continuous")
        }
        found = {mode: str(path) for mode, path in graphs.items()} | {
            "alone": text_alone(family, sizes, folder / "alone")
        }
    answers.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
