"""Upstream's model with a checkpoint's weights, whether they are stored as floats or quantized."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from qeff_codegen.deploy.quantized_weights.formats import find_quantization
from qeff_codegen.deploy.quantized_weights.load import load_dequantized
from qeff_codegen.deploy.quantized_weights.stored_tensors import NEXT_STEP
from qeff_codegen.errors import UsageError

# How many names of lacking weights a message gives.
_NAMED = 3


@dataclass(frozen=True)
class UpstreamModel:
    """A loaded model.

    Attributes:
        model: float32, eager attention, eval mode.
        remarks: what was dequantized.
    """

    model: Any
    remarks: tuple[str, ...] = ()


def load_upstream_model(
    model_class: Any, named: Path, folder: Path, arguments: Mapping[str, Any], kind: str
) -> UpstreamModel:
    """Load the weights in `folder`.

    Args:
        model_class: the model's class, or one of transformers' `AutoModelFor...`.
        named: what the user asked for, for messages.
        arguments: further ones of `from_pretrained`: a `config`, or the `gguf_file` in the folder.
        kind: what it should be, for messages: `a causal LM`.

    Raises:
        UsageError: a file is damaged or lacks weights, or the model cannot be loaded.
    """
    quantization = None if "gguf_file" in arguments else find_quantization(folder)
    try:
        # transformers draws progress bars that have no switch.
        with redirect_stderr(io.StringIO()):
            if quantization is not None:
                read = load_dequantized(model_class, folder, arguments.get("config"), quantization)
                found = UpstreamModel(read.model.eval(), (read.remark,))
                report = read.report
            else:
                model, report = model_class.from_pretrained(
                    folder,
                    dtype=torch.float32,
                    attn_implementation="eager",
                    local_files_only=True,
                    output_loading_info=True,
                    # Its own error does not say which.
                    ignore_mismatched_sizes=True,
                    **arguments,
                )
                found = UpstreamModel(model.eval())
    except UsageError:
        raise
    except Exception as error:  # readers of many formats, each with errors of its own
        raise UsageError(f"{named} cannot be loaded: {error}\nIs it complete, and of {kind}?") from error
    _check_complete(named, report)
    return found


def _check_complete(named: Path, report: Mapping[str, Any]) -> None:
    """transformers gives weights that it does not find, or finds in other shapes, random values."""
    missing = sorted(report["missing_keys"])
    if missing:
        others = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise UsageError(f"{named} lacks the weights {', '.join(missing[:_NAMED])}{others}.\n{NEXT_STEP}")
    for name, found, expected in sorted(report["mismatched_keys"]):
        raise UsageError(f"{named}: {name} has shape {list(found)}, and the model has {list(expected)}.\n{NEXT_STEP}")
