"""An image-text model's quantized weights are read too, wherever its configuration says that they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.deploy.image_checkpoint import load_image_checkpoint
from tests.deploy.image_checkpoints import save_llava
from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import is_linear, stored, write_both

CONFIG = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [16, 16]}


@pytest.mark.parametrize("place", ["whole", "text_config"])
def test_weights_are_those_that_were_packed(tmp_path: Path, place: str) -> None:
    source = save_llava(tmp_path / "source")
    weights = {name: references.fp8(tensor, 16, 16) for name, tensor in stored(source).items() if is_linear(name)}
    quantized, plain = write_both(tmp_path, source, weights, CONFIG)
    if place != "whole":
        settings = json.loads((quantized / "config.json").read_text())
        settings[place]["quantization_config"] = settings.pop("quantization_config")
        (quantized / "config.json").write_text(json.dumps(settings))
    loaded, expected = (load_image_checkpoint(str(folder), INSTALLED) for folder in (quantized, plain))
    expected_weights = expected.model.state_dict()
    assert expected_weights.keys() == loaded.model.state_dict().keys()
    assert all(torch.equal(weight, expected_weights[name]) for name, weight in loaded.model.state_dict().items())
    assert not hasattr(loaded.model.config.get_text_config(), "quantization_config")
    assert loaded.processor is not None
    assert loaded.remarks == (f"{len(weights)} weights were dequantized into float32: FP8, blocks of 16 x 16",)
