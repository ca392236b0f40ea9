"""A model of a checkpoint whose weights are quantized: plain modules, with the weights dequantized into float32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, GenerationConfig
from transformers.pytorch_utils import Conv1D

from qeff_codegen.deploy.quantized_weights.float_weights import float_weights, quantized_names
from qeff_codegen.deploy.quantized_weights.formats import EARLIER_KEY, KEY
from qeff_codegen.deploy.quantized_weights.quantization import Quantization
from qeff_codegen.deploy.quantized_weights.stored_tensors import StoredTensors
from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class Dequantized:
    """A model with dequantized weights.

    Attributes:
        model: it.
        report: what `from_pretrained` says of its loading: which weights were missing, or of other shapes.
        remark: one sentence on what was dequantized.
    """

    model: Any
    report: dict[str, Any]
    remark: str


def load_dequantized(model_class: Any, folder: Path, config: Any, quantization: Quantization) -> Dequantized:
    """Load a model of plain modules from dequantized weights, named and merged as transformers does it.

    Args:
        model_class: the model's class, or one of transformers' `AutoModelFor...`.
        folder: the checkpoint's.
        config: its configuration; None reads that of `folder`.
        quantization: how its weights are stored.

    Raises:
        UsageError: a file or a tensor is not what it should be, or the model has modules that the format is not for.
    """
    stored = StoredTensors(folder)
    # All files are looked at before any weight is made.
    quantized = quantized_names(stored, quantization)
    plain = _without_quantization(config or AutoConfig.from_pretrained(folder, local_files_only=True))
    with torch.device("meta"):
        outline = _outline(model_class, plain)
    transposed = next((name for name, module in outline.named_modules() if isinstance(module, Conv1D)), None)
    if transposed is not None:
        raise UsageError(
            f"{folder} cannot be loaded: {transposed} is a Conv1D, which stores its weight the other way round than "
            f"the linear layers that {quantization.METHOD} is for. Take the model's unquantized weights."
        )
    weights = {name: weight for shard in stored.shards for name, weight in float_weights(stored, quantization, shard)}
    model, report = type(outline).from_pretrained(
        None,
        config=outline.config,
        state_dict=weights,
        dtype=torch.float32,
        attn_implementation="eager",
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    model.generation_config = generation_config_of(folder, model.config)
    return Dequantized(
        model, report, f"{len(quantized)} weights were dequantized into float32: {quantization.description}"
    )


def generation_config_of(folder: Path, config: Any) -> GenerationConfig:
    """Where a text ends and the like: as the folder says, or as its configuration does."""
    try:
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    except OSError:
        return GenerationConfig.from_model_config(config)


def _without_quantization(config: Any) -> Any:
    """The configuration of the same model where nothing is quantized."""
    for place in (config, config.get_text_config()):
        for key in (KEY, EARLIER_KEY):
            if hasattr(place, key):
                delattr(place, key)
    return config


def _outline(model_class: Any, config: Any) -> Any:
    """The model without values, for its class: an automatic one takes a folder alone."""
    if hasattr(model_class, "from_config"):
        return model_class.from_config(config, trust_remote_code=False)
    return model_class(config)
