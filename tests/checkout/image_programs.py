"""Runs in a checkout's interpreter: python image_programs.py FOLDER CONFIGURATION

Exports the two programs of an image-text model as QEfficient does, and prints one JSON document: where each lies.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

from QEfficient import QEFFAutoModelForImageTextToText
from transformers import AutoConfig, AutoModelForImageTextToText


def programs(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    """The graphs that the checkout exports, by the program's name."""
    config = AutoConfig.for_model(**settings)
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="eager").eval()
    model.config.architectures = [type(model).__name__]
    found: dict[str, str] = {}
    for mode in ("plain", "continuous"):
        both = QEFFAutoModelForImageTextToText(
            copy.deepcopy(model), kv_offload=True, continuous_batching=mode == "continuous"
        )
        vision, language = both.export(export_dir=str(folder / mode))
        found |= {"vision": str(vision), f"language, {mode}": str(language)}
    return found


def main() -> None:
    """Print what was found."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder, settings = sys.argv[1:]
    answers.write(json.dumps(programs(Path(folder), json.loads(settings))) + "\n")


if __name__ == "__main__":
    main()
