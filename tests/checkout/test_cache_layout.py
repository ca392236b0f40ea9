"""Where an export's cache does not fit what the model writes, that is said before anything breaks on it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from qeff_codegen.checkout.cache_layout import CacheDoesNotFit, check_written, planned_layers
from qeff_codegen.export.graph_io import KVShape
from qeff_codegen.validation.subjects import Subject
from tests.validation.conftest import MistralTransform, base_subject, mistral_family

__all__ = ["base_subject", "mistral_family"]

FITTING = [(KVShape("past_key", 2, 32), KVShape("past_value", 2, 32))] * 2


class Exporting:
    """What `QEFFAutoModelForCausalLM` does on the way to its export."""

    def __init__(self, slots: str = "ctx_len", inputs: dict[str, Any] | None = None, layers: int = 2) -> None:
        pair = [torch.zeros(1, 2, 32, 8), torch.zeros(1, 2, 32, 8)]
        self._inputs = {"past_key_values": [pair] * layers} if inputs is None else inputs
        self._axes = {f"past_{kv}.{i}": {0: "batch_size", 2: slots} for i in range(layers) for kv in ("key", "value")}

    def export(self) -> Any:
        return self._export(self._inputs, output_names=[], dynamic_axes=self._axes, export_dir=None)

    def _export(self, *_args: Any, **_kwargs: Any) -> Path:
        raise AssertionError("nothing may be exported")


class Confused(Exporting):
    def export(self) -> Any:
        raise ValueError("num_key_value_heads not found")


def test_the_export_is_asked_and_not_run() -> None:
    assert planned_layers(Exporting()) == [(KVShape("past_key", 2, 8), KVShape("past_value", 2, 8))] * 2


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Confused(), "does not find the shape of the KV cache in this configuration: num_key_value_heads not found"),
        (Exporting(slots="sliding_window"), "gives past_key.0 the axis `sliding_window`"),
        (Exporting(inputs={"compressed_kvs": []}), "no past_key_values"),
    ],
    ids=["no shape", "another axis", "latents"],
)
def test_an_export_without_a_cache_as_it_must_be_is_explained(model: Any, said: str) -> None:
    with pytest.raises(CacheDoesNotFit, match=said):
        planned_layers(model)


def test_what_the_model_writes_is_held_against_the_plan(base_subject: Subject) -> None:
    model, _ = MistralTransform.apply(copy.deepcopy(base_subject.model))
    check_written(FITTING, model)
    wider = [FITTING[0], (FITTING[1][0], KVShape("past_value", 2, 24))]
    with pytest.raises(
        CacheDoesNotFit,
        match=r"would give past_value.1 the shape \[batch_size, 2, ctx_len, 24\], "
        r"and the attention writes \[batch_size, 2, ctx_len, 32\]",
    ):
        check_written(wider, model)
    with pytest.raises(CacheDoesNotFit, match="would cache 3 layers, and the model writes 2"):
        check_written(FITTING[:1] * 3, model)


def test_a_model_that_cannot_be_asked_is_left_to_its_run() -> None:
    check_written(FITTING, torch.nn.Linear(1, 1))
