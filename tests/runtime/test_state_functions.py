"""The functions on a state against their recurrences: calls of every length, split anywhere, pads of anything."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qeff_codegen.runtime.states import LONGEST_CALL, causal_conv1d, gated_delta_rule, mamba2_scan
from tests.runtime.state_cases import CASES, HEADS, KEY, VALUE, StateCase, assert_near, positions

every_function = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@every_function
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 33, 130, LONGEST_CALL])
def test_a_call_of_any_length_is_the_recurrence(case: StateCase, length: int) -> None:
    torch.manual_seed(length)
    tokens, state = case.tokens(2, length), case.state(2)
    assert_near(case.run(tokens, state, positions(2, length)), case.expected(tokens, state))


@every_function
def test_no_state_is_a_state_of_zeros(case: StateCase) -> None:
    torch.manual_seed(0)
    tokens = case.tokens(2, 5)
    without = case.run(tokens, None, positions(2, 5))
    zeros = case.run(tokens, torch.zeros_like(case.state(2)), positions(2, 5))
    assert all(torch.equal(one, other) for one, other in zip(without, zeros, strict=True))


@settings(deadline=None, max_examples=25)
@given(st.data())
@every_function
def test_a_prompt_in_chunks_is_the_prompt(case: StateCase, data: st.DataObject) -> None:
    """Each chunk filled up with pads that hold NaN, as what comes from an attention may."""
    length = data.draw(st.integers(1, 40), "tokens")
    cuts = sorted(data.draw(st.sets(st.integers(1, length - 1), max_size=4), "cuts") if length > 1 else [])
    pads = data.draw(st.integers(0, 6), "pads")
    torch.manual_seed(data.draw(st.integers(0, 2**16), "seed"))
    tokens, state = case.tokens(2, length), case.state(2)
    expected = case.expected(tokens, state)
    outputs = []
    for start, end in zip([0, *cuts], [*cuts, length], strict=True):
        filling = {name: tensor.narrow(case.token_axis, 0, 1) for name, tensor in tokens.items()}
        chunk = {
            name: torch.cat([tensor, *[filling[name] * math.nan] * pads], case.token_axis)
            for name, tensor in case.part(tokens, start, end).items()
        }
        position_ids = torch.cat([positions(2, end - start, start), torch.full((2, pads), -1)], 1)
        out, state = case.run(chunk, state, position_ids)
        outputs.append(out.narrow(case.token_axis, 0, end - start))
    assert_near((torch.cat(outputs, case.token_axis), state), expected)


@every_function
def test_a_row_of_pads_keeps_its_state_to_the_last_bit(case: StateCase) -> None:
    torch.manual_seed(0)
    tokens, state = case.tokens(2, 5), case.state(2)
    position_ids = torch.stack([torch.arange(5), torch.full((5,), -1)])
    for tensor in tokens.values():
        tensor[1] = math.nan
    _, after = case.run(tokens, state, position_ids)
    assert torch.equal(after[1], state[1])
    assert not torch.equal(after[0], state[0])


@every_function
def test_a_row_is_computed_for_itself(case: StateCase) -> None:
    """One with pads beside one without, of other lengths than alone."""
    torch.manual_seed(0)
    tokens, state = case.tokens(2, 9), case.state(2)
    position_ids = positions(2, 9).clone()
    position_ids[1, 4:] = -1
    out, after = case.run(tokens, state, position_ids)
    alone = {name: tensor[1:].narrow(case.token_axis, 0, 4) for name, tensor in tokens.items()}
    expected = case.expected(alone, state[1:])
    assert_near((out[1:].narrow(case.token_axis, 0, 4), after[1:]), expected)


@every_function
def test_a_call_that_is_too_long_is_refused(case: StateCase) -> None:
    length = LONGEST_CALL + 1
    with pytest.raises(ValueError, match=f"a call of {length} tokens.*at most {LONGEST_CALL}"):
        case.run(case.tokens(1, length), case.state(1), positions(1, length))


@every_function
def test_half_precision_is_computed_in_float32(case: StateCase) -> None:
    torch.manual_seed(0)
    tokens, state = case.tokens(2, 9), case.state(2)
    halves = {name: tensor.half() for name, tensor in tokens.items()}
    out, after = case.run(halves, state, positions(2, 9))
    assert after.dtype == torch.float32
    wider = case.run({name: tensor.float() for name, tensor in halves.items()}, state, positions(2, 9))
    assert_near((out, after), wider, deviations=2e-2)


@pytest.mark.parametrize("length", [64, 512, LONGEST_CALL])
def test_equal_keys_do_not_lose_the_digits(length: int) -> None:
    """A word repeated: the product of powers that would invert the triangle here grows to 1e17 for 64 tokens."""
    torch.manual_seed(0)
    case = CASES["gated delta rule"]
    tokens, state = case.tokens(1, length), case.state(1)
    tokens["key"] = tokens["key"][:, :1].expand_as(tokens["key"])
    tokens["g"] = tokens["g"] * 1e-4
    tokens["beta"] = torch.full_like(tokens["beta"], 0.98)
    assert_near(case.run(tokens, state, positions(1, length)), case.expected(tokens, state))


def test_eigenvalues_may_be_negative() -> None:
    torch.manual_seed(0)
    case = CASES["gated delta rule"]
    tokens, state = case.tokens(1, 300), case.state(1)
    tokens["beta"] = tokens["beta"] * 2
    assert_near(case.run(tokens, state, positions(1, 300)), case.expected(tokens, state))


def test_small_decays_behind_large_ones_keep_their_digits() -> None:
    torch.manual_seed(0)
    length = 200
    tokens: dict[str, Any] = {
        "hidden_states": torch.randn(1, length, HEADS, VALUE),
        "dt": torch.full((1, length, HEADS), 90.0),
        "B": torch.randn(1, length, 2, KEY),
        "C": torch.randn(1, length, 2, KEY),
    }
    tokens["dt"][:, 150:] = 1e-3
    A, state = -torch.full((HEADS,), 16.0), torch.zeros(1, HEADS, VALUE, KEY)
    out, _ = mamba2_scan(**tokens, A=A, initial_states=state, position_ids=positions(1, length))
    behind: dict[str, Any] = {name: tensor[:, 149:] for name, tensor in tokens.items()}
    alone, _ = mamba2_scan(**behind, A=A, initial_states=state, position_ids=positions(1, 51))
    assert_near((out[:, 151:],), (alone[:, 2:],), deviations=2e-6)


def test_mamba2_holds_the_step_to_its_limit() -> None:
    torch.manual_seed(0)
    case = CASES["Mamba-2"]
    tokens: dict[str, Any] = {**case.tokens(1, 6)}
    state = case.state(1)
    bare: dict[str, Any] = {"A": case.weights["A"], "initial_states": state, "position_ids": positions(1, 6)}
    limited = mamba2_scan(**tokens, **bare, dt_limit=(0.1, 0.5))
    tokens["dt"] = tokens["dt"].clamp(0.1, 0.5)
    assert_near(limited, mamba2_scan(**tokens, **bare), deviations=1e-9)


def test_queries_and_keys_may_come_with_their_length() -> None:
    torch.manual_seed(0)
    case = CASES["gated delta rule"]
    tokens, state = case.tokens(1, 6), case.state(1)
    made: dict[str, Any] = {**tokens}
    for name in ("query", "key"):
        made[name] = tokens[name] / (tokens[name].square().sum(-1, keepdim=True) + 1e-6).sqrt()
    out = gated_delta_rule(**made, initial_state=state, position_ids=positions(1, 6))
    assert_near(out, case.expected(tokens, state))


@pytest.mark.parametrize("activation", [None, "silu"])
def test_a_convolution_reads_the_columns_before_a_token(activation: str | None) -> None:
    torch.manual_seed(0)
    columns, weight, bias = torch.randn(2, 3, 4 + 5), torch.randn(3, 4), torch.randn(3)
    out = causal_conv1d(columns, weight, bias, activation=activation)[:, :, -5:]
    for token in range(5):
        exact = (columns[:, :, token + 1 : token + 5].double() * weight).sum(-1) + bias
        exact = exact if activation is None else torch.nn.functional.silu(exact)
        torch.testing.assert_close(out[:, :, token], exact.float())
