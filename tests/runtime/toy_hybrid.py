"""A decoder with a layer of every kind, as generated ones are but short: what it keeps is what matters.

Layer 0 is a short convolution, layer 1 attends, layer 2 keeps nothing, layer 3 has a convolution and a recurrence.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from qeff_codegen.decoding.generation import Generation
from qeff_codegen.export.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.runtime.cache_utils import QEffDynamicCache
from qeff_codegen.runtime.modeling_attn_mask_utils import _create_causal_mask
from qeff_codegen.runtime.states import causal_conv1d, gated_delta_rule

HIDDEN, HEADS, KERNEL, VOCAB_SIZE = 32, 2, 4, 101
# The recurrence's heads have keys and values of other sizes than attention's.
KEY, VALUE = 6, 10


class ShortConvolution(nn.Module):
    """Keeps a window."""

    def __init__(self, layer_idx: int, channels: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.conv = nn.Conv1d(channels, channels, KERNEL, groups=channels)

    def forward(self, hidden_states: torch.Tensor, cache: Any, cache_kwargs: dict[str, Any]) -> torch.Tensor:
        columns = cache.update_conv_state(
            hidden_states.transpose(1, 2), self.layer_idx, cache_kwargs, conv_kernel_size=KERNEL
        )
        out = causal_conv1d(columns, self.conv.weight.squeeze(1), self.conv.bias, activation="silu")
        return out[:, :, -hidden_states.shape[1] :].transpose(1, 2)


class Attention(nn.Module):
    """Keeps keys and values."""

    def __init__(self, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.qkv = nn.Linear(HIDDEN, 3 * HIDDEN)

    def forward(self, hidden_states: torch.Tensor, cache: Any, cache_kwargs: dict[str, Any]) -> torch.Tensor:
        batch_size, seq_len, _ = hidden_states.shape
        mixed = self.qkv(hidden_states).view(batch_size, seq_len, 3 * HEADS, HIDDEN // HEADS).transpose(1, 2)
        query, key, value = mixed.chunk(3, dim=1)
        key, value = cache.update(key, value, self.layer_idx, cache_kwargs)
        mask = _create_causal_mask(position_ids=cache_kwargs["position_ids"], target_length=key.shape[2])
        scores = (query @ key.transpose(2, 3)).masked_fill(mask, -float("inf"))
        attended = F.softmax(scores, dim=-1) @ value
        return attended.transpose(1, 2).reshape(batch_size, seq_len, HIDDEN)


class Recurrence(nn.Module):
    """Keeps a window and a recurrent state."""

    def __init__(self, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        channels = HEADS * (2 * KEY + VALUE)
        self.into = nn.Linear(HIDDEN, channels + 2 * HEADS)
        self.short = ShortConvolution(layer_idx, channels)
        self.out = nn.Linear(HEADS * VALUE, HIDDEN)

    def forward(self, hidden_states: torch.Tensor, cache: Any, cache_kwargs: dict[str, Any]) -> torch.Tensor:
        batch_size, seq_len, _ = hidden_states.shape
        mixed, decay, beta = self.into(hidden_states).split([HEADS * (2 * KEY + VALUE), HEADS, HEADS], dim=-1)
        state = cache.get_recurrent_state(self.layer_idx, cache_kwargs)
        mixed = self.short(mixed, cache, cache_kwargs).view(batch_size, seq_len, HEADS, 2 * KEY + VALUE)
        query, key, value = mixed.split([KEY, KEY, VALUE], dim=-1)
        out, state = gated_delta_rule(
            query,
            key,
            value,
            g=-F.softplus(decay),
            beta=beta.sigmoid(),
            initial_state=state,
            use_qk_l2norm_in_kernel=True,
            position_ids=cache_kwargs["position_ids"],
        )
        cache.update_recurrent_state(state, self.layer_idx, cache_kwargs)
        return self.out(out.reshape(batch_size, seq_len, HEADS * VALUE).to(hidden_states.dtype))


class Feedforward(nn.Module):
    """Keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, hidden_states: torch.Tensor, cache: Any, cache_kwargs: dict[str, Any]) -> torch.Tensor:
        return torch.tanh(self.linear(hidden_states))


@dataclass
class Outputs:
    """What a causal LM returns."""

    logits: torch.Tensor
    past_key_values: Any

    def __contains__(self, name: str) -> bool:
        return name == "past_key_values"

    def get(self, name: str) -> Any:
        return getattr(self, name, None)


class ToyHybrid(nn.Module):
    """See the module; `kinds` leaves layers out."""

    def __init__(self, kinds: str) -> None:
        super().__init__()
        config = SimpleNamespace(vocab_size=VOCAB_SIZE, model_type="toy")
        config.get_text_config = lambda: config
        self.config = config
        self.embed = nn.Embedding(VOCAB_SIZE, HIDDEN)
        self.layers = nn.ModuleList(_layer(kind, index) for index, kind in enumerate(kinds))
        self.lm_head = nn.Linear(HIDDEN, VOCAB_SIZE)

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: Any,
        batch_index: torch.Tensor | None = None,
        use_cache: bool = True,
    ) -> Outputs:
        cache = past_key_values
        if not isinstance(cache, QEffDynamicCache):
            cache = QEffDynamicCache.from_legacy_cache(cache)
        cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index}
        hidden_states = self.embed(input_ids)
        for layer in self.layers:
            hidden_states = hidden_states + layer(hidden_states, cache, cache_kwargs)
        last = position_ids.to(torch.int32).argmax(1, keepdim=True)
        hidden_states = hidden_states[torch.arange(position_ids.shape[0]).view(-1, 1), last]
        return Outputs(self.lm_head(hidden_states).float(), cache.to_legacy_cache())

    def get_submodules_for_export(self) -> set[type[nn.Module]]:
        return {type(layer) for layer in self.layers}


def _layer(kind: str, index: int) -> nn.Module:
    if kind == "c":
        return ShortConvolution(index, HIDDEN)
    if kind == "a":
        return Attention(index)
    return Recurrence(index) if kind == "r" else Feedforward()


def toy_hybrid(kinds: str = "ca-r") -> Any:
    """Returns one with random weights; a kind each layer: convolution, attention, recurrence, or nothing kept."""
    torch.manual_seed(0)
    model = ToyHybrid(kinds).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


def whole_generation(model: Any, prompts: list[list[int]], new_tokens: list[int]) -> Generation:
    """Generates greedily with each text alone and whole in every step: no pads, and nothing is kept."""
    shapes = kv_cache_shapes(model)
    logits: list[list[np.ndarray]] = []
    for prompt, wanted in zip(prompts, new_tokens, strict=True):
        text = list(prompt)
        logits.append([])
        for _ in range(wanted):
            with torch.no_grad():
                outputs = model(
                    torch.tensor([text]),
                    torch.arange(len(text))[None],
                    allocate_kv_cache(shapes, 1, len(text), torch.float32),
                )
            logits[-1].append(outputs.logits[0, -1].numpy())
            text.append(int(logits[-1][-1].argmax()))
    return Generation.from_logits(logits)
