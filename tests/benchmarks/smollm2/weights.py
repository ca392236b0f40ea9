"""SmolLM2's weights as a folder that every side reads."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from pathlib import Path

from qeff_codegen.deploy.checkpoint import load_checkpoint
from qeff_codegen.upstream.cache_folder import cache_folder


def saved_checkpoint() -> Path:
    """The folder, written when first asked for: what is packaged is quantized, and optimum-onnx reads no such file."""
    folder = cache_folder() / "benchmarks" / "smollm2"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _save(Path(temporary) / "smollm2")
            os.rename(Path(temporary) / "smollm2", folder)
    return folder


def _save(folder: Path) -> None:
    checkpoint = load_checkpoint("smollm2")
    config = copy.deepcopy(checkpoint.model.config)
    del config.quantization_config
    model = type(checkpoint.model)(config)
    model.load_state_dict(checkpoint.model.state_dict())
    model.save_pretrained(folder)
    checkpoint.tokenizer.save_pretrained(folder)
    # optimum-onnx's transformers looks for it where it was before 5.0, and takes a default where it finds none.
    path = folder / "config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings["rope_theta"] = settings["rope_parameters"]["rope_theta"]
    path.write_text(json.dumps(settings, indent=2), "utf-8")
