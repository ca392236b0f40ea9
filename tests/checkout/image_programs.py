"""Runs in a checkout's interpreter: python image_programs.py FOLDER CONFIGURATION EXAMPLE

Exports the two programs of an image-text model as QEfficient does, and prints one JSON document: where each lies.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from QEfficient import QEFFAutoModelForImageTextToText
from transformers import AutoConfig, AutoModelForImageTextToText


def programs(folder: Path, settings: dict[str, Any], example: dict[str, list[int]]) -> dict[str, str]:
    """The graphs that the checkout exports, by the program's name.

    Args:
        example: the shape of inputs of the vision program that is traced, where it is not the checkout's own.
    """
    config = AutoConfig.for_model(**settings)
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="eager").eval()
    model.config.architectures = [type(model).__name__]
    found: dict[str, str] = {}
    for mode in ("plain", "continuous"):
        both = QEFFAutoModelForImageTextToText(
            copy.deepcopy(model), kv_offload=True, continuous_batching=mode == "continuous"
        )
        trace_another_image(both.model, example)
        vision, language = both.export(export_dir=str(folder / mode))
        found |= {"vision": str(vision), f"language, {mode}": str(language)}
    return found


def trace_another_image(model: Any, example: dict[str, list[int]]) -> None:
    """Lets the checkout trace an image of another size than its own example has."""
    made = model.get_dummy_inputs

    def get_dummy_inputs(**options: Any) -> dict[str, Any]:
        inputs = made(**options)
        for name, shape in example.items():
            inputs["vision"][name] = torch.zeros(shape, dtype=inputs["vision"][name].dtype)
        return inputs

    model.get_dummy_inputs = get_dummy_inputs


def main() -> None:
    """Print what was found."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder, settings, example = sys.argv[1:]
    answers.write(json.dumps(programs(Path(folder), json.loads(settings), json.loads(example))) + "\n")


if __name__ == "__main__":
    main()
