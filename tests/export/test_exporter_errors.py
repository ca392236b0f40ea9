"""What the exporter raises becomes a refusal with the module and the line; what the model raises stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.onnx import errors

from qeff_codegen.errors import EXIT_REFUSED, Refusal
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.exporter_errors import errors_refused
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.tiny_generated import tiny_generated


def with_squared_states() -> Any:
    model = tiny_generated("llama")
    mlp = model.model.layers[0].mlp
    forward = mlp.forward
    mlp.forward = lambda states: squared(forward(states))
    return model


def squared(states: torch.Tensor) -> torch.Tensor:
    return states.square()


def test_a_translation_that_raises(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def raises(graph: Any, value: Any) -> Any:
        raise errors.SymbolicValueError("the shape is not known", value)

    torch.onnx.register_custom_op_symbolic("aten::square", raises, 17)
    try:
        with pytest.raises(Refusal) as caught:
            export_onnx(with_squared_states(), tmp_path / "model.onnx", ExportSpec(24))
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::square", 17)
    refusal = caught.value
    assert refusal.exit_code == EXIT_REFUSED
    assert "QEffLlamaForCausalLM cannot be exported" in refusal.what
    assert "the shape is not known" in refusal.what
    assert refusal.rule == "export"
    # The exporter says where the value comes from that it could not translate.
    assert refusal.location is not None and refusal.location.path.endswith("modeling_llama.py")
    assert not list(tmp_path.iterdir())
    assert "Torch IR graph" not in "".join(capfd.readouterr())


def test_an_assertion_inside_pytorch() -> None:
    said = "decoder cannot be exported: RuntimeError: x INTERNAL ASSERT FAILED"
    with pytest.raises(Refusal, match=said), errors_refused("decoder"):
        raise RuntimeError("x INTERNAL ASSERT FAILED at file.cpp:3\nmore")


def test_what_the_model_raises_stays() -> None:
    with pytest.raises(ZeroDivisionError), errors_refused("decoder"):
        raise ZeroDivisionError("no")
