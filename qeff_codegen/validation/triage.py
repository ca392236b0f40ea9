"""Where two stages part: the first module, or the first tensor, that differs.

Both stages get exactly the same calls. Stage 1 against 2 compares module by module. Stage 2 against 3 has no
modules on one side, so it compares what the graph returns: logits and the retained state of every layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.export.graph_io import CONV_STATE, INDEXER_KEYS, LOGITS, RECURRENT_STATE
from qeff_codegen.tiny_models.release_differences import cache_argument
from qeff_codegen.validation.calls import CallRow
from qeff_codegen.validation.comparison import RELATIVE_TOLERANCE
from qeff_codegen.validation.module_outputs import ModuleRecord, recorded
from qeff_codegen.validation.reference import begins_without_cache, positions_matter

# A module whose output is constant has no standard deviation to measure differences by.
TINY = 1e-6


@dataclass(frozen=True)
class Finding:
    """The first difference found.

    Attributes:
        what: a module with its class, or a graph output.
        step: generated-token index of the call; 0 for every call of the prefill.
        prompt: index of the prompt in the scenario.
        position: position id of the first token that differs.
        difference: max |difference| in that call.
    """

    what: str
    step: int
    prompt: int
    position: int
    difference: float

    def __str__(self) -> str:
        return (
            f"first different: {self.what}, at step {self.step}, prompt {self.prompt}, position {self.position} "
            f"(max difference {self.difference:.2g})"
        )


class ModuleTriage:
    """Runs upstream's model beside the QEff model's calls, for one prompt, until a module differs.

    Args:
        reference: upstream's model.
    """

    def __init__(self, reference: Any) -> None:
        self._reference = reference
        # Some of upstream's layers with states start a second call of several tokens from nothing, so a model that
        # makes a cache of its own is given all tokens so far in every call, and no cache.
        self._cache = None if begins_without_cache(reference) else DynamicCache(config=reference.config)
        self._given_positions = positions_matter(reference)
        self._tokens: list[int] = []
        self._next_position = 0
        self.finding: Finding | None = None

    def look_at(
        self, call: CallRow, input_ids: np.ndarray, position_ids: np.ndarray, theirs: list[ModuleRecord]
    ) -> None:
        """Give upstream the real tokens of this call and compare every module.

        Args:
            call: the row to look at.
            input_ids: `[batch_size, seq_len]`, as the QEff model got them.
            position_ids: `[batch_size, seq_len]`, -1 for pads.
            theirs: what the QEff model's modules did in this call.
        """
        # A call may repeat tokens of the one before it; upstream has seen those already.
        real = np.flatnonzero(position_ids[call.row] >= self._next_position)
        if self.finding is not None or len(real) == 0:
            return
        self._next_position += len(real)
        self._tokens += input_ids[call.row][real].tolist()
        ours = self._outputs_of_last(len(real))
        culprit = first_different(ours, theirs, call.row, real)
        if culprit is not None:
            name, token, difference = culprit
            position = int(position_ids[call.row][real[token]])
            self.finding = Finding(self._described(name), call.step, call.prompt, position, difference)

    def _outputs_of_last(self, count: int) -> list[ModuleRecord]:
        """What upstream's modules do with the last tokens."""
        given = self._tokens if self._cache is None else self._tokens[-count:]
        further: dict[str, Any] = {"use_cache": self._cache is not None}
        if self._cache is not None:
            further |= self._named_cache()
        if self._given_positions:
            further["position_ids"] = torch.arange(len(self._tokens) - len(given), len(self._tokens))[None]
        with torch.no_grad(), recorded(self._reference) as records:
            self._reference(input_ids=torch.tensor([given]), **further)
        return [of_last_tokens(record, len(given), count) for record in records]

    def _named_cache(self) -> dict[str, Any]:
        return {cache_argument(self._reference): self._cache}

    def _described(self, name: str) -> str:
        module = self._reference.get_submodule(name)
        return f"{name or 'the model'} ({type(module).__name__})"


def of_last_tokens(record: ModuleRecord, length: int, count: int) -> ModuleRecord:
    """A record of a call of `length` tokens, `[1, length, ...]`, as if its last ones had been all."""

    def last(tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(
            tensor[:, -count:] if tensor.ndim > 1 and tensor.shape[:2] == (1, length) else tensor for tensor in tensors
        )

    return ModuleRecord(record.name, last(record.inputs), last(record.outputs))


def first_different(
    ours: list[ModuleRecord], theirs: list[ModuleRecord], row: int, real: np.ndarray
) -> tuple[str, int, float] | None:
    """The module to look at first: its output differs although its input does not.

    An inner module finishes before the outer one whose code called it with a wrong input; only the outer one got
    the right input. When every differing module already had a different input (or none that can be compared), it
    is the first to finish.

    Returns:
        Module name, index of the first differing token within `real`, max |difference|; None if nothing differs.
    """
    by_name = {record.name: record for record in theirs}
    fallback: tuple[str, int, float] | None = None
    for record in ours:
        other = by_name.get(record.name)
        if other is None:
            continue
        found = _first_difference(record.outputs, other.outputs, row, real)
        if found is None:
            continue
        if _first_difference(record.inputs, other.inputs, row, real) is None:
            return (record.name, *found)
        fallback = fallback or (record.name, *found)
    return fallback


def _first_difference(
    ours: tuple[torch.Tensor, ...], theirs: tuple[torch.Tensor, ...], row: int, real: np.ndarray
) -> tuple[int, float] | None:
    """Index of the first token that differs and max |difference|; None if equal or of shapes that do not match."""
    for one, other in zip(ours, theirs, strict=False):
        aligned = _aligned(one, other, row, real)
        if aligned is None:
            continue
        expected, got, first_token = aligned
        difference = (expected - got).abs().nan_to_num(nan=float("inf"))
        tolerance = RELATIVE_TOLERANCE * max(float(expected.std(correction=0)), TINY)
        beyond = (difference > tolerance).reshape(len(difference), -1).any(1)
        if bool(beyond.any()):
            return first_token + int(beyond.nonzero()[0]), float(difference.max())
    return None


def _aligned(
    one: torch.Tensor, other: torch.Tensor, row: int, real: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor, int] | None:
    """Both tensors as `[tokens, ...]` without pads, and the index in `real` of the first of these tokens.

    `one` is upstream's, `[1, tokens, ...]`; `other` is `[batch_size, seq_len, ...]`, or has a single token where
    only each row's last one is computed.
    """
    if one.ndim < 2 or other.ndim != one.ndim or one.shape[:2] != (1, len(real)) or other.shape[0] <= row:
        return None
    if other.shape[1] > int(real[-1]):
        expected, got, first_token = one[0], other[row, torch.from_numpy(real)], 0
    elif other.shape[1] == 1:
        expected, got, first_token = one[0, -1:], other[row], len(real) - 1
    else:
        return None
    if expected.shape != got.shape:
        return None
    return expected.double(), got.double(), first_token


def first_different_output(
    calls: list[CallRow], position_ids: np.ndarray, expected: dict[str, np.ndarray], got: dict[str, np.ndarray]
) -> Finding | None:
    """The first graph output of one call that differs between PyTorch and ONNX Runtime.

    Args:
        calls: the rows of the call that hold tokens.
        position_ids: `[batch_size, seq_len]` of the call, -1 for pads.
        expected: PyTorch's outputs by name, in the order of the graph's computation: what is retained first, keys and
            values with the slot (the position, modulo the window where that is kept) as their third axis, an
            indexer's as their second, then `logits`.
        got: ONNX Runtime's.
    """
    for name, tensor in expected.items():
        for call in calls:
            written = np.unique(position_ids[call.row][position_ids[call.row] >= 0])
            if name == LOGITS:
                written, one, other = written[-1:], tensor[call.row], got[name][call.row]
            elif name.split(".")[0] in (CONV_STATE, RECURRENT_STATE):
                # A state is what all tokens so far have made of it.
                written = written[-1:]
                one, other = tensor[call.cache_row][None], got[name][call.cache_row][None]
            else:
                # Only the slots this call wrote: the others were compared when they were written. Where a window has
                # fewer, the last positions took them.
                axis = 0 if name.split(".")[0] == INDEXER_KEYS else 1
                one, other = (kept[call.cache_row].swapaxes(0, axis) for kept in (tensor, got[name]))
                written = written[-len(one) :]
                one, other = one[written % len(one)], other[written % len(other)]
            difference = np.nan_to_num(np.abs(one - other).reshape(len(written), -1).max(1), nan=np.inf)
            beyond = np.flatnonzero(difference > RELATIVE_TOLERANCE * max(float(one.std()), TINY))
            if len(beyond):
                return Finding(name, call.step, call.prompt, int(written[beyond[0]]), float(difference.max()))
    return None
