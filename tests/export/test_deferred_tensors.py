"""Deferred tensors: whatever is done to them, their numbers are those of doing it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from qeff_codegen.export import recipes
from qeff_codegen.export.deferred_tensors import Deferral, deferral_of, made, make_all, recipe_of, stands_for
from qeff_codegen.export.recipes import NotDeferredError, Stored


def stored(numbers: torch.Tensor, read: list[tuple[int, int]] | None = None) -> torch.Tensor:
    """A deferred tensor of these numbers; notes which rows were read."""

    def rows(start: int, stop: int) -> torch.Tensor:
        if read is not None:
            read.append((start, stop))
        return numbers[start:stop].clone()

    return stands_for(Stored(tuple(numbers.shape), numbers.stride(), numbers.dtype, rows))


NUMBERS = torch.randn(64, 48, generator=torch.Generator().manual_seed(0)).bfloat16()
CHANGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "converted twice": lambda x: x.to(torch.float32).to(torch.float16),
    "transposed": lambda x: x.float().t(),
    "a part": lambda x: x.float()[3:9, 5:],
    "a part, converted": lambda x: x[3:9, 5:].float(),
    "stacked": lambda x: torch.stack([x.float(), x.float() + 1]),
    "stacked inside": lambda x: torch.stack([x, x.float()], dim=-1).half(),
    "joined": lambda x: torch.cat([torch.stack([x, x + 1]), torch.stack([x + 2, x])], dim=1).float(),
    "joined with what is there": lambda x: torch.cat([x.float(), torch.ones(2, 48)]),
    "chunked": lambda x: x.float().chunk(3, dim=1)[1],
    "several results": lambda x: x.float().sort(dim=1)[0],
    "changed in place": lambda x: x.float().mul_(2).add_(1),
    "a view changed in place": lambda x: _raised(x.float(), lambda y: y[2:5]),
    "written into what is there": lambda x: torch.zeros(64, 48).copy_(x),
    "written into rows": lambda x: _written_into_rows(x),
    "written out": lambda x: torch.add(x.float(), 1, out=torch.empty(64, 48)),
    "data replaced": lambda x: _with_data(x),
    "by a mask, of unknown size": lambda x: x[x > 0.5],
    "deepcopied parameter": lambda x: nn.Parameter(x.float()).detach().clone() * 3,
}
# Those whose size follows from numbers.
AT_ONCE = {"by a mask, of unknown size"}


def _raised(tensor: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    view(tensor).add_(1)
    return tensor


def _written_into_rows(numbers: torch.Tensor) -> torch.Tensor:
    whole = torch.ones(70, 48)
    whole[3:67] = numbers
    return whole


def _with_data(numbers: torch.Tensor) -> torch.Tensor:
    parameter = nn.Parameter(numbers.float())
    parameter.data = parameter.data.half()
    return parameter.detach()


@pytest.mark.parametrize("name", CHANGES)
def test_numbers_are_those_of_computing_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change = CHANGES[name]
    monkeypatch.setattr(recipes, "PIECE_BYTES", 1000)
    with torch.no_grad():
        expected = change(NUMBERS.clone())
        read: list[tuple[int, int]] = []
        tensor = stored(NUMBERS, read)
        with Deferral():
            later = change(tensor)
        assert (recipe_of(later) is None) == bool(read) == (name in AT_ONCE)
        found = made(later)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert torch.equal(found, expected)


def test_nothing_is_read_until_it_is_asked_for_and_then_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "PIECE_BYTES", 20 * 48 * 2)
    read: list[tuple[int, int]] = []
    with Deferral():
        half = stored(NUMBERS, read).float().half().t()
        assert half.shape == (48, 64) and not read
    assert torch.equal(made(half), NUMBERS.float().half().t())
    assert read == [(0, 20), (20, 40), (40, 60), (60, 64)]


def test_numbers_that_are_asked_for_are_the_true_ones() -> None:
    with Deferral():
        tensor = stored(NUMBERS.float())
        assert float(tensor[2, 3] * 2) == float(NUMBERS[2, 3]) * 2
        assert tensor.tolist() == NUMBERS.tolist()
        assert (tensor.numpy() == NUMBERS.float().numpy()).all()
        assert torch.equal(tensor, NUMBERS.float()) and not torch.equal(tensor, tensor + 1)
        assert bool((tensor > 1e9).any()) is False


def test_a_model_is_called_without_its_weights_and_then_given_them() -> None:
    layer = nn.Linear(48, 64, bias=False)
    other = nn.Linear(48, 64, bias=False)
    layer.weight.data = other.weight.data = stored(NUMBERS.float())
    inputs = torch.ones(2, 48)
    with deferral_of(layer), torch.no_grad():
        outputs = layer(inputs)
        assert recipe_of(outputs) is not None
    model = nn.ModuleList([layer, other])
    make_all(model)
    assert recipe_of(layer.weight) is None
    assert layer.weight.data_ptr() == other.weight.data_ptr()
    assert torch.allclose(made(outputs), inputs @ NUMBERS.float().t())
    assert torch.equal(layer.weight, NUMBERS.float())


def test_what_cannot_be_computed_later_is_said() -> None:
    with Deferral():
        with pytest.raises(NotDeferredError, match="random"):
            torch.bernoulli(stored(NUMBERS.float()).abs())
        addend = torch.ones(64, 48)
        total = stored(NUMBERS.float()) + addend
    addend += 1
    with pytest.raises(NotDeferredError, match="has changed"):
        made(total)


def test_outside_of_a_deferral_no_method_of_tensors_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor: Any = torch.Tensor
    before = {name: getattr(tensor, name) for name in ("numpy", "tolist")}
    with pytest.raises(KeyError), Deferral():
        raise KeyError
    assert all(getattr(tensor, name) == method for name, method in before.items())
