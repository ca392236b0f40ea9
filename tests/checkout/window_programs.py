"""Runs in a checkout's interpreter: python window_programs.py FOLDER CONFIGURATION CONTEXTS

Exports a causal LM as QEfficient does, and prints one JSON document: where the graphs lie, what was said where the
export raised, and how many slots a window has in contexts of these lengths; of an image-text model the last alone.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

from QEfficient import QEFFAutoModelForCausalLM, QEFFAutoModelForImageTextToText
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText


def exported(model: Any, folder: Path) -> dict[str, dict[str, str]]:
    """A causal LM's graphs, plain and for continuous batching, each with whole caches too, or what was said."""
    found: dict[str, dict[str, str]] = {"graphs": {}, "raised": {}}
    for suffix, options in (("", {}), (", whole", {"retain_full_kv": True})):
        for batching in ("plain", "continuous"):
            qeff = QEFFAutoModelForCausalLM(copy.deepcopy(model), continuous_batching=batching == "continuous")
            mode = batching + suffix
            try:
                found["graphs"][mode] = str(qeff.export(export_dir=str(folder / mode), **options))
            except RuntimeError as error:
                found["raised"][mode] = str(error)
    return found


def slots(model: Any, contexts: list[int]) -> dict[str, int]:
    """The number that QEfficient's specializations give the axis of windows, by the length of the context."""
    found = {}
    for ctx_len in contexts:
        programs = model.get_specializations(
            batch_size=1, prefill_seq_len=8, ctx_len=ctx_len, img_size=None, kv_offload=True
        )
        # An image-text model gives those of both programs, and options.
        text = programs[0]["lang"] if isinstance(programs, tuple) else programs
        (found[str(ctx_len)],) = {program["sliding_window"] for program in text}
    return found


def main() -> None:
    """Print what was found."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder, (settings, contexts) = Path(sys.argv[1]), map(json.loads, sys.argv[2:])
    config = AutoConfig.for_model(**settings)
    takes_images = hasattr(config, "vision_config")
    upstream: Any = AutoModelForImageTextToText if takes_images else AutoModelForCausalLM
    model = upstream.from_config(config, attn_implementation="eager").eval()
    model.config.architectures = [type(model).__name__]
    found: dict[str, Any] = {} if takes_images else exported(model, folder)
    mapped = (QEFFAutoModelForImageTextToText if takes_images else QEFFAutoModelForCausalLM)(
        copy.deepcopy(model)
    ).model
    found["slots"] = slots(mapped, contexts) if hasattr(mapped, "get_specializations") else {}
    answers.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
