"""The formats of quantized weights that are read, and which of them a checkpoint's `config.json` names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qeff_codegen.deploy.quantized_weights.awq import Awq
from qeff_codegen.deploy.quantized_weights.compressed import Compressed
from qeff_codegen.deploy.quantized_weights.fp8 import Fp8
from qeff_codegen.deploy.quantized_weights.gptq import Gptq
from qeff_codegen.deploy.quantized_weights.mxfp4 import Mxfp4
from qeff_codegen.deploy.quantized_weights.quantization import NotReadError, Quantization
from qeff_codegen.errors import UsageError

CONFIG = "config.json"
KEY = "quantization_config"
# What compressed-tensors called it before.
EARLIER_KEY = "compression_config"
FORMATS: tuple[type[Quantization], ...] = (Fp8, Mxfp4, Awq, Gptq, Compressed)


def find_quantization(folder: Path) -> Quantization | None:
    """How the weights in a folder are quantized; None where its `config.json` says nothing of it.

    Raises:
        UsageError: in a way that is not read; the message says what is.
    """
    try:
        settings = json.loads((folder / CONFIG).read_text("utf-8"))
    except ValueError:
        # Whoever reads the configuration says what is wrong with it.
        return None
    found = _quantization_config(settings)
    if found is None:
        return None
    method = str(found.get("quant_method"))
    chosen = next((each for each in FORMATS if method == each.METHOD), None)
    if chosen is None:
        raise UsageError(_not_read(folder, f"quant_method {method}"))
    try:
        return chosen.from_settings(found)
    except NotReadError as error:
        raise UsageError(_not_read(folder, f"{method} with {error}")) from error


def _quantization_config(settings: Any) -> dict[str, Any] | None:
    """The settings of the quantization, which models of text and images may have with their text."""
    if not isinstance(settings, dict):
        return None
    for place in (settings, settings.get("text_config")):
        for key in (KEY, EARLIER_KEY):
            found = place.get(key) if isinstance(place, dict) else None
            if isinstance(found, dict):
                return found
    return None


def _not_read(folder: Path, what: str) -> str:
    read = "\n".join(f"  {each.METHOD}: {each.READ}" for each in FORMATS)
    return (
        f"{folder / CONFIG} says that the weights are quantized by {what}, which is not read. Read are:\n{read}\n"
        "Take the model's unquantized weights, or a copy in one of these; nothing was exported."
    )
