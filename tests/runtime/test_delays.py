"""What each token is given of the one before it, across calls, pads and rows that begin."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from qeff_codegen.runtime.states import LONGEST_CALL, delayed_by_one
from tests.runtime.state_cases import positions
from tests.runtime.test_states_in_graphs import EXAMPLE, graph_of

CHANNELS = 3
FIRST = torch.full((2, 1, CHANNELS), 9.0)

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::torch.jit.TracerWarning"
)


def states() -> torch.Tensor:
    return torch.randn(2, 1, 1, CHANNELS)


@pytest.mark.parametrize("cuts", [(5,), (1, 2), (1, 2, 3, 4)])
def test_a_prompt_in_chunks_is_the_prompt(cuts: tuple[int, ...]) -> None:
    """Each filled up with pads that hold NaN."""
    torch.manual_seed(0)
    whole, state = torch.randn(2, 6, CHANNELS), torch.full((2, 1, 1, CHANNELS), math.nan)
    pieces = []
    for start, end in zip((0, *cuts), (*cuts, 6), strict=True):
        tokens = torch.cat([whole[:, start:end], torch.full((2, 2, CHANNELS), math.nan)], 1)
        position_ids = torch.cat([positions(2, end - start, start), torch.full((2, 2), -1)], 1)
        late, state = delayed_by_one(tokens, FIRST, state, position_ids)
        pieces.append(late[:, : end - start])
    assert torch.equal(torch.cat(pieces, 1), torch.cat([FIRST, whole[:, :-1]], 1))
    assert torch.equal(state[:, 0, 0], whole[:, -1])


def test_a_row_that_begins_is_given_the_first_and_one_that_goes_on_its_state() -> None:
    tokens, state = torch.randn(2, 2, CHANNELS), states()
    late, after = delayed_by_one(tokens, FIRST, state, torch.tensor([[0, 1], [4, -1]]))
    assert torch.equal(late[0], torch.cat([FIRST[0], tokens[0, :1]], 0))
    assert torch.equal(late[1, 0], state[1, 0, 0])
    assert torch.equal(after[:, 0, 0], torch.stack([tokens[0, 1], tokens[1, 0]]))


def test_an_idle_row_keeps_its_state_to_the_last_bit() -> None:
    tokens, state = torch.full((2, 2, CHANNELS), math.nan).half(), states()
    late, after = delayed_by_one(tokens, FIRST.half(), state, torch.full((2, 2), -1))
    assert torch.equal(after, state)
    assert late.dtype == torch.float16 and after.dtype == torch.float32


def test_without_a_state_every_row_begins() -> None:
    tokens = torch.randn(2, 3, CHANNELS)
    without = delayed_by_one(tokens, FIRST, None, positions(2, 3))
    given = delayed_by_one(tokens, FIRST, states(), positions(2, 3))
    assert all(torch.equal(one, other) for one, other in zip(without, given, strict=True))


def test_a_call_that_is_too_long_is_refused() -> None:
    length = LONGEST_CALL + 1
    with pytest.raises(ValueError, match=f"a call of {length} tokens.*at most {LONGEST_CALL}"):
        delayed_by_one(torch.randn(2, length, CHANNELS), FIRST, states(), positions(2, length))


class _Delay(nn.Module):
    def forward(self, position_ids: torch.Tensor, *tensors: torch.Tensor) -> Any:
        hidden_states, first, state = tensors
        return delayed_by_one(hidden_states, first, state, position_ids)


@pytest.mark.parametrize("dynamo", [False, True], ids=["TorchScript", "torch.export"])
def test_a_graph_takes_calls_of_any_length(dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokens = {0: "batch_size", 1: "seq_len"}
    axes = {"position_ids": tokens, "hidden_states": tokens, "first": {0: "batch_size"}, "state": {0: "batch_size"}}
    inputs = {
        "position_ids": positions(2, EXAMPLE),
        "hidden_states": torch.randn(2, EXAMPLE, CHANNELS),
        "first": FIRST,
        "state": states(),
    }
    session = graph_of(_Delay().eval(), inputs, axes, dynamo, tmp_path / "delay.onnx")
    for length in (1, 2, 9):
        position_ids = positions(2, length).clone()
        position_ids[1] = torch.where(position_ids[1] < 1, 7, -1)
        given = (position_ids, torch.randn(2, length, CHANNELS), FIRST, states())
        feeds = {name: each.numpy() for name, each in zip(inputs, given, strict=True)}
        expected = delayed_by_one(given[1], given[2], given[3], position_ids)
        for got, want in zip(session.run(None, feeds), expected, strict=True):
            assert torch.equal(torch.from_numpy(got), want)
