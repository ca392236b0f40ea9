"""What every function on a state is tested with: inputs, and the recurrence written out token by token in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from qeff_codegen.runtime.states import (
    gated_delta_rule,
    kimi_delta_attention,
    lightning_attention,
    linear_recurrence,
    mamba2_scan,
    mamba_scan,
)

Tensors = dict[str, torch.Tensor]
HEADS, GROUPS, KEY, VALUE = 4, 2, 16, 8


@dataclass(frozen=True)
class StateCase:
    """One function on a state.

    Attributes:
        function: takes tokens, weights, options, `state_name` and `position_ids`; returns output and next state.
        state_name: its keyword for the state.
        state_shape: without the batch.
        token_axis: of every token tensor and of the output.
        tokens: makes the tensors that have a token axis, of a batch and a length.
        reference: takes what the function takes, in float64 and without pads, token by token.
        weights: tensors without a token axis.
        options: other keywords.
    """

    function: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    state_name: str
    state_shape: tuple[int, ...]
    token_axis: int
    tokens: Callable[[int, int], Tensors]
    reference: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    weights: Tensors = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def state(self, batch_size: int) -> torch.Tensor:
        return torch.randn(batch_size, *self.state_shape)

    def run(self, tokens: Tensors, state: torch.Tensor | None, position_ids: torch.Tensor) -> Any:
        return self.function(
            **tokens, **self.weights, **self.options, **{self.state_name: state}, position_ids=position_ids
        )

    def expected(self, tokens: Tensors, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        exact = {name: tensor.double() for name, tensor in {**tokens, **self.weights}.items()}
        return self.reference(**exact, state=state.double())

    def part(self, tokens: Tensors, start: int, end: int) -> Tensors:
        return {name: tensor.narrow(self.token_axis, start, end - start) for name, tensor in tokens.items()}


def _of_length_one(tensor: torch.Tensor) -> torch.Tensor:
    return tensor / (tensor.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def _delta_rule(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    g: torch.Tensor,
    beta: torch.Tensor,
    state: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    shared = value.shape[2] // key.shape[2]
    query, key = (_of_length_one(tensor).repeat_interleave(shared, 2) for tensor in (query, key))
    decay = (g if g.dim() == 4 else g.unsqueeze(-1)).exp()
    outputs = []
    for token in range(key.shape[1]):
        state = state * decay[:, token].unsqueeze(-1)
        answer = (state * key[:, token].unsqueeze(-1)).sum(-2)
        correction = (value[:, token] - answer) * beta[:, token].unsqueeze(-1)
        state = state + key[:, token].unsqueeze(-1) * correction.unsqueeze(-2)
        outputs.append((state * query[:, token].unsqueeze(-1)).sum(-2) / query.shape[-1] ** 0.5)
    return torch.stack(outputs, 1), state


def _mamba2(
    hidden_states: torch.Tensor,
    dt: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    A: torch.Tensor,
    D: torch.Tensor,
    dt_bias: torch.Tensor,
    state: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    B, C = (tensor.repeat_interleave(HEADS // GROUPS, 2) for tensor in (B, C))
    step = F.softplus(dt + dt_bias)
    outputs = []
    for token in range(step.shape[1]):
        state = state * (step[:, token] * A).exp()[..., None, None]
        moved = hidden_states[:, token] * step[:, token].unsqueeze(-1)
        state = state + moved.unsqueeze(-1) * B[:, token].unsqueeze(-2)
        outputs.append((state * C[:, token].unsqueeze(-2)).sum(-1) + D.unsqueeze(-1) * hidden_states[:, token])
    return torch.stack(outputs, 1), state


def _mamba(
    hidden_states: torch.Tensor,
    dt: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    z: torch.Tensor,
    A: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
    state: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    state = state[:, 0]
    step = F.softplus(dt + delta_bias.unsqueeze(-1))
    outputs = []
    for token in range(step.shape[2]):
        moved = step[:, :, token] * hidden_states[:, :, token]
        state = state * (A * step[:, :, token].unsqueeze(-1)).exp()
        state = state + moved.unsqueeze(-1) * B[:, :, token].unsqueeze(1)
        outputs.append((state * C[:, :, token].unsqueeze(1)).sum(-1) + D * hidden_states[:, :, token])
    return torch.stack(outputs, 2) * F.silu(z), state.unsqueeze(1)


def _lightning(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, slope_rate: torch.Tensor, state: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    outputs = []
    for token in range(key.shape[2]):
        added = key[:, :, token].unsqueeze(-1) * value[:, :, token].unsqueeze(-2)
        state = state * (-slope_rate).exp() + added
        outputs.append((state * query[:, :, token].unsqueeze(-1)).sum(-2))
    return torch.stack(outputs, 2), state


def _recurrence(
    hidden_states: torch.Tensor, recurrent_gate: torch.Tensor, state: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    outputs = []
    for token in range(hidden_states.shape[1]):
        state = state * recurrent_gate[:, token, None, None] + hidden_states[:, token, None, None]
        outputs.append(state[:, 0, 0])
    return torch.stack(outputs, 1), state


def _delta_tokens(batch_size: int, length: int, key_heads: int, decays: tuple[int, ...]) -> Tensors:
    # Heads from one that forgets little to one that forgets almost all in a token.
    strength = torch.tensor([0.01, 0.3, 2.0, 20.0]).reshape(HEADS, *(1 for _ in decays))
    return {
        "query": torch.randn(batch_size, length, key_heads, KEY),
        "key": torch.randn(batch_size, length, key_heads, KEY),
        "value": torch.randn(batch_size, length, HEADS, VALUE),
        "g": -torch.rand(batch_size, length, HEADS, *decays) * strength,
        "beta": torch.rand(batch_size, length, HEADS),
    }


def _mamba2_tokens(batch_size: int, length: int) -> Tensors:
    return {
        "hidden_states": torch.randn(batch_size, length, HEADS, VALUE),
        "dt": torch.randn(batch_size, length, HEADS) * 3,
        "B": torch.randn(batch_size, length, GROUPS, KEY),
        "C": torch.randn(batch_size, length, GROUPS, KEY),
    }


def _mamba_tokens(batch_size: int, length: int) -> Tensors:
    return {
        "hidden_states": torch.randn(batch_size, VALUE, length),
        "dt": torch.randn(batch_size, VALUE, length) * 3,
        "B": torch.randn(batch_size, KEY, length),
        "C": torch.randn(batch_size, KEY, length),
        "z": torch.randn(batch_size, VALUE, length),
    }


def _lightning_tokens(batch_size: int, length: int) -> Tensors:
    return {name: torch.randn(batch_size, HEADS, length, KEY) for name in ("query", "key", "value")}


def _recurrence_tokens(batch_size: int, length: int) -> Tensors:
    return {
        "hidden_states": torch.randn(batch_size, length, VALUE),
        "recurrent_gate": torch.rand(batch_size, length, VALUE),
    }


_WEIGHTS = torch.Generator().manual_seed(0)


def _weights(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=_WEIGHTS)


CASES = {
    "gated delta rule": StateCase(
        function=gated_delta_rule,
        state_name="initial_state",
        state_shape=(HEADS, KEY, VALUE),
        token_axis=1,
        tokens=lambda batch_size, length: _delta_tokens(batch_size, length, GROUPS, ()),
        reference=_delta_rule,
        options={"use_qk_l2norm_in_kernel": True},
    ),
    "KDA": StateCase(
        function=kimi_delta_attention,
        state_name="initial_state",
        state_shape=(HEADS, KEY, VALUE),
        token_axis=1,
        tokens=lambda batch_size, length: _delta_tokens(batch_size, length, HEADS, (KEY,)),
        reference=_delta_rule,
        options={"use_qk_l2norm_in_kernel": True},
    ),
    "Mamba-2": StateCase(
        function=mamba2_scan,
        state_name="initial_states",
        state_shape=(HEADS, VALUE, KEY),
        token_axis=1,
        tokens=_mamba2_tokens,
        reference=_mamba2,
        weights={"A": -_weights(HEADS).exp(), "D": _weights(HEADS), "dt_bias": _weights(HEADS)},
        options={"dt_softplus": True},
    ),
    "Mamba-1": StateCase(
        function=mamba_scan,
        state_name="initial_state",
        state_shape=(1, VALUE, KEY),
        token_axis=2,
        tokens=_mamba_tokens,
        reference=_mamba,
        weights={"A": -_weights(VALUE, KEY).exp(), "D": _weights(VALUE), "delta_bias": _weights(VALUE)},
        options={"delta_softplus": True},
    ),
    "lightning attention": StateCase(
        function=lightning_attention,
        state_name="initial_state",
        state_shape=(HEADS, KEY, KEY),
        token_axis=2,
        tokens=_lightning_tokens,
        reference=_lightning,
        # From a head that forgets little to one that forgets almost all in a token.
        weights={"slope_rate": torch.tensor([0.004, 0.06, 0.7, 9.0]).reshape(HEADS, 1, 1)},
    ),
    "linear recurrence": StateCase(
        function=linear_recurrence,
        state_name="initial_state",
        state_shape=(1, 1, VALUE),
        token_axis=1,
        tokens=_recurrence_tokens,
        reference=_recurrence,
    ),
}


def positions(batch_size: int, length: int, start: int = 0) -> torch.Tensor:
    return torch.arange(start, start + length).expand(batch_size, length)


def assert_near(actual: Any, expected: Any, deviations: float = 2e-5) -> None:
    """Compares with the spread of what is expected, since single values may be next to zero."""
    __tracebackhide__ = True
    for one, other in zip(actual, expected, strict=True):
        assert one.shape == other.shape
        assert torch.isfinite(one).all()
        distance = (one.double() - other.double()).abs().max() / other.double().std()
        assert distance < deviations, f"{distance:.1e} deviations"
