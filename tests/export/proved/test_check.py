"""A model that computes what is not proved to mean the same in a graph is refused, with its module and line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from qeff_codegen.errors import EXIT_REFUSED, Refusal
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.proved_operators import table
from qeff_codegen.export.proved_operators.check import check_program
from qeff_codegen.export.proved_operators.torch_export_calls import lines_recorded
from tests.runtime.tiny_generated import tiny_generated

CTX_LEN = 24
Change = Callable[[torch.Tensor], torch.Tensor]


def through_a_view(states: torch.Tensor) -> torch.Tensor:
    changed = states.clone()
    changed.transpose(0, 1).mul_(1.5)
    return changed


def a_part_taken_before(states: torch.Tensor) -> torch.Tensor:
    changed = states.clone()
    part = changed[:, :1]
    changed.mul_(1.5)
    return changed + part


def diagonal_of_integers(states: torch.Tensor) -> torch.Tensor:
    return states + (states > 0).diagonal(dim1=1, dim2=2).sum()


def operator_without_translation(states: torch.Tensor) -> torch.Tensor:
    return torch.special.i0(states)


CHANGES: dict[Change, str] = {
    through_a_view: "aten::mul_",
    a_part_taken_before: "aten::mul_",
    diagonal_of_integers: "aten::diagonal",
    operator_without_translation: "aten::i0",
}


def with_changed_states(change: Change) -> Any:
    """A tiny Llama whose first MLP changes what it gives."""
    model = tiny_generated("llama")
    mlp: nn.Module = model.model.layers[0].mlp
    forward = mlp.forward
    mlp.forward = lambda states: change(forward(states))
    return model


def assert_refused(refusal: Refusal, operator: str, change: Change) -> None:
    """Names the operator, the module, and a line of `change`."""
    assert refusal.exit_code == EXIT_REFUSED
    assert f"`{operator}`" in refusal.what
    assert "decoder.model.layers.0.mlp" in refusal.what
    assert refusal.location is not None
    lines, first = inspect.getsourcelines(change)
    assert refusal.location.path.endswith("test_check.py")
    assert first < refusal.location.line < first + len(lines)
    assert refusal.location.excerpt == lines[refusal.location.line - first]
    assert "docs/operators.md" in refusal.next_step


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_refused_with_module_and_line(change: Change, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        export_onnx(with_changed_states(change), tmp_path / "model.onnx", ExportSpec(CTX_LEN))
    assert_refused(caught.value, CHANGES[change], change)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "operator"),
    [(operator_without_translation, "aten.special_i0.default"), (diagonal_of_integers, "aten.diagonal.default")],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_refused_by_torch_export_too(change: Change, operator: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        export_onnx(with_changed_states(change), tmp_path / "model.onnx", ExportSpec(CTX_LEN, dynamo=True))
    assert_refused(caught.value, operator, change)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", [0, 1], ids=["type", "argument"])
def test_without_its_proof_a_form_is_refused(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = "aten.transpose.int"
    known = table.operators(table.TORCH_EXPORT)
    forms = list(known[operator])
    forms[part] = forms[part] - {("float32 -> float32", "dim0=int>0, dim1=int>0")[part]}
    monkeypatch.setitem(table._tables()[table.TORCH_EXPORT], operator, (forms[0], forms[1]))
    with pytest.raises(Refusal) as caught:
        export_onnx(tiny_generated("llama"), tmp_path / "model.onnx", ExportSpec(CTX_LEN, dynamo=True))
    assert f"the translation of `{operator}` in decoder.model.layers.0.self_attn" in caught.value.what
    assert caught.value.location is not None and ".transpose(" in caught.value.location.excerpt
    assert caught.value.location.path.endswith("modeling_llama.py")


class Calling(nn.Module):
    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return operator_without_translation(states)


def test_what_torch_export_traced_is_refused_too() -> None:
    with lines_recorded():
        program = torch.export.export(Calling(), (torch.rand(2, 3),), strict=False)
    with pytest.raises(Refusal) as caught:
        check_program(program)
    assert "i0.default`" in caught.value.what
    assert caught.value.location is not None and caught.value.location.path.endswith("test_check.py")


def test_the_message_says_which_forms_are_known(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        export_onnx(with_changed_states(diagonal_of_integers), tmp_path / "model.onnx", ExportSpec(CTX_LEN))
    assert "one of: float32 -> float32; found bool -> bool" in caught.value.expected


def test_nothing_is_printed_of_the_graph(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refusal):
        export_onnx(with_changed_states(through_a_view), tmp_path / "model.onnx", ExportSpec(CTX_LEN))
    assert "Torch IR graph" not in "".join(capfd.readouterr())
