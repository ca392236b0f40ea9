"""A TorchScript trace that would hold a number of its example is refused, with module and line; others are not."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from qeff_codegen.errors import EXIT_REFUSED, Refusal
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.frozen_numbers import no_frozen_numbers
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.tiny_generated import tiny_generated

# The longest that a sequence may be.
LIMIT = 1000
LIMITS = [{0: inf, 1: LIMIT}]

Change = Callable[[torch.Tensor], torch.Tensor]


def integer(x: torch.Tensor) -> torch.Tensor:
    return x + torch.ones(int(x.shape[1]), 1)


def fraction(x: torch.Tensor) -> torch.Tensor:
    return x / float(x.shape[1])


def root(x: torch.Tensor) -> torch.Tensor:
    return x * math.sqrt(x.shape[1])


def tensor_of_a_list(x: torch.Tensor) -> torch.Tensor:
    return x + torch.tensor([x.shape[0]])


def tensor_of_a_size(x: torch.Tensor) -> torch.Tensor:
    return x + torch.tensor(x.shape[1])


def new_tensor(x: torch.Tensor) -> torch.Tensor:
    return x + x.new_tensor(x.shape[1])


def repeated(x: torch.Tensor) -> torch.Tensor:
    for _ in range(x.shape[1]):
        x = x * 0.5
    return x


def rounded_up(x: torch.Tensor) -> torch.Tensor:
    for _ in range((x.shape[1] + 63) // 64):
        x = x * 0.5
    return x


def place_in_a_list(x: torch.Tensor) -> torch.Tensor:
    return x * [1.0, 2.0, 3.0, 4.0, 5.0][x.shape[1]]


def part_of_a_list(x: torch.Tensor) -> torch.Tensor:
    return x * sum([1.0, 2.0, 3.0][: x.shape[1]])


def part_of_a_list_and_of_a_tensor(x: torch.Tensor) -> torch.Tensor:
    length = x.shape[1] - 1
    factor = sum([1.0, 2.0, 3.0][:length])
    return x + x[:, :length].sum(1, keepdim=True) * factor


def condition(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.shape[1] > 500 else x


def larger(x: torch.Tensor) -> torch.Tensor:
    return x / max(x.shape[1], 500)


def nearly_within_limits(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.shape[1] >= LIMIT else x


def of_one_token(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.shape[1] == 1 else x


def as_long_as_traced(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.shape[1] == 2 * x.shape[0] else x


def condition_of_the_rest(x: torch.Tensor) -> torch.Tensor:
    keys = torch.cat((x, x * 2), 1)
    return x * 2 if LIMIT - keys.size(1) > 0 else x


def rest_of_a_shorter_table(x: torch.Tensor) -> torch.Tensor:
    return x + torch.arange(100.0)[max(0, 100 - (x * 2).size(1)) :].sum()


def as_long_as_another_axis_in_the_example(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if torch.cat((x, x), 0).size(0) > LIMIT else x


def rows(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.shape[0] > 100_000 else x


def length(x: torch.Tensor) -> torch.Tensor:
    return x * len(x)


def loop(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([row * 2 for row in x])


def condition_on_data(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if (x > 1e9).any() else x


def item(x: torch.Tensor) -> torch.Tensor:
    return x * x.sum().item()


def array(x: torch.Tensor) -> torch.Tensor:
    return x + torch.from_numpy(np.abs(x.numpy()))


def detached_data(x: torch.Tensor) -> torch.Tensor:
    return x + x.data * 2


def equal(x: torch.Tensor) -> torch.Tensor:
    return x if torch.equal(x, x * 2) else x * 2


FROZEN: dict[Change, str] = {
    integer: "`int(...)`",
    fraction: "`float(...)`",
    root: "`float(...)`",
    tensor_of_a_list: "a Python integer",
    tensor_of_a_size: "`torch.tensor(...)`",
    new_tensor: "`new_tensor(...)`",
    repeated: "a Python integer",
    rounded_up: "a Python integer",
    place_in_a_list: "a Python integer",
    part_of_a_list: "a Python integer",
    part_of_a_list_and_of_a_tensor: "a Python integer",
    condition: "a condition",
    nearly_within_limits: "a condition",
    of_one_token: "a condition",
    as_long_as_traced: "a condition",
    condition_of_the_rest: "a condition",
    rest_of_a_shorter_table: "a condition",
    as_long_as_another_axis_in_the_example: "a condition",
    rows: "a condition",
    larger: "a condition",
    length: "`len(...)`",
    loop: "a loop over the first axis",
    condition_on_data: "a condition",
    item: "`item()`",
    array: "`numpy()`",
    detached_data: "`data`",
    equal: "`torch.equal(...)`",
}


def part_of_a_tensor(x: torch.Tensor) -> torch.Tensor:
    return x[:, : x.shape[1] - 1] + x[:, 1:]


def filled_part(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, : x.shape[1] // 2] = 1.5
    return y


def own_size(x: torch.Tensor) -> torch.Tensor:
    half = int(x.shape[-1]) // 2
    return torch.cat((x[..., half:], x[..., :half]), -1) / math.sqrt(x.shape[-1])


def even_steps(x: torch.Tensor) -> torch.Tensor:
    return x + torch.linspace(0, 1, x.shape[1])[:, None]


def constant(x: torch.Tensor) -> torch.Tensor:
    factor = torch.tensor([1.5, 2.5])
    x = x + x.new_tensor(0.5)
    return x * float(factor[0]) if factor[1] > 0 else x


def within_limits(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if 2 * x.shape[1] + 1 > 2 * LIMIT + x.shape[2] else x


def rest_of_a_table(x: torch.Tensor) -> torch.Tensor:
    keys = torch.cat((x, x * 2), 2)[..., ::2]
    return x + torch.arange(float(LIMIT))[max(0, torch.zeros(LIMIT).size(0) - keys.size(1)) :].sum()


def checked(x: torch.Tensor) -> torch.Tensor:
    y = x.transpose(0, 1) * 2
    if y.size() != (x.shape[1], x.shape[0], 6):
        raise ValueError(f"is of size {y.size()}")
    return y.transpose(0, 1)


def pairs(x: torch.Tensor) -> torch.Tensor:
    one, other = torch.stack((x, x * 2))
    return one + other


FREE: list[Change] = [
    part_of_a_tensor,
    filled_part,
    own_size,
    even_steps,
    constant,
    pairs,
    within_limits,
    rest_of_a_table,
    checked,
]


class Changing(nn.Module):
    """What an exporter gets: the weights are its last input."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
        return self.change(x) * weights[0]


WEIGHTS = [torch.tensor(2.0)]


def of_sizes(batch_size: int, length: int) -> torch.Tensor:
    return torch.arange(1.0, batch_size * length * 6 + 1).reshape(batch_size, length, 6) / 10


def traced(change: Change, path: Path) -> None:
    module = Changing(change)
    with no_frozen_numbers(module, lambda: [(of_sizes(*sizes),) for sizes in ((3, 1), (1, 90))], LIMITS):
        torch.onnx.export(
            module,
            (of_sizes(2, 4), WEIGHTS),
            str(path),
            input_names=["x", "weight"],
            dynamic_axes={"x": {0: "batch_size", 1: "length"}},
            opset_version=17,
            dynamo=False,
        )


def assert_at_a_line_of(change: Change, refusal: Refusal) -> None:
    lines, first = inspect.getsourcelines(change)
    assert refusal.location is not None and refusal.location.path.endswith("test_frozen_numbers.py")
    assert first < refusal.location.line < first + len(lines)
    assert refusal.location.excerpt == lines[refusal.location.line - first]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", FROZEN, ids=lambda change: change.__name__)
def test_a_number_of_the_example_is_refused(change: Change, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        traced(change, tmp_path / "model.onnx")
    assert caught.value.what.startswith(FROZEN[change])
    assert caught.value.exit_code == EXIT_REFUSED
    assert_at_a_line_of(change, caught.value)


@pytest.mark.filterwarnings("ignore")
def test_of_two_uses_of_a_number_the_line_of_the_one_that_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        traced(part_of_a_list_and_of_a_tensor, tmp_path / "model.onnx")
    assert caught.value.location is not None and "factor = sum" in caught.value.location.excerpt


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", FREE, ids=lambda change: change.__name__)
def test_other_numbers_are_not(change: Change, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    traced(change, path)
    session = onnxruntime.InferenceSession(path)
    for sizes in ((2, 4), (1, 2), (3, 7)):
        x = of_sizes(*sizes)
        (found,) = session.run(None, {"x": x.numpy(), "weight": WEIGHTS[0].numpy()})
        np.testing.assert_allclose(found, change(x).numpy() * 2, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_a_number_of_weights_is_a_constant(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def forward(self, x: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
            return x * weights[0].item()

    module = Scaled()
    with no_frozen_numbers(module, lambda: pytest.fail("nothing is to be traced again"), LIMITS):
        torch.onnx.export(module, (of_sizes(2, 4), WEIGHTS), str(tmp_path / "model.onnx"), dynamo=False)


def with_changed_states(change: Change) -> Any:
    model = tiny_generated("llama")
    mlp = model.model.layers[1].mlp
    forward = mlp.forward
    mlp.forward = lambda states: change(forward(states))
    return model


@pytest.mark.parametrize("change", [integer, condition_on_data], ids=lambda change: change.__name__)
def test_a_model_is_refused_with_module_and_line(change: Change, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        export_onnx(with_changed_states(change), tmp_path / "model.onnx", ExportSpec(24))
    assert " in decoder.model.layers.1.mlp depends on " in caught.value.what
    assert_at_a_line_of(change, caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("further", [{}, {"continuous_batching": True, "compute_context_length": True}])
def test_a_model_that_asks_for_its_own_sizes_is_exported(further: dict[str, Any], tmp_path: Path) -> None:
    spec = ExportSpec(24, **further)
    export_onnx(with_changed_states(own_size), tmp_path / "model.onnx", spec)


def test_tensors_are_as_before_afterwards(tmp_path: Path) -> None:
    names = ("__bool__", "__index__", "__iter__", "data", "numpy")
    before = dict(vars(torch.Tensor)), torch.tensor, torch.jit._get_trace_graph
    with warnings.catch_warnings(), pytest.raises(Refusal):
        warnings.simplefilter("ignore")
        traced(integer, tmp_path / "model.onnx")
    assert (dict(vars(torch.Tensor)), torch.tensor, torch.jit._get_trace_graph) == before
    assert all(hasattr(torch.Tensor, name) for name in names)
