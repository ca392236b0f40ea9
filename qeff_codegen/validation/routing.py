"""Watches how a model of experts routes its tokens: a choice that rounding could turn proves nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# The score of the last choice and of the first that was not chosen must be further apart than float32 arithmetic in
# another order can move them: 50 times the largest difference of router scores seen between stages.
MIN_ROUTING_MARGIN = 1e-5


class RoutingWatch(TorchFunctionMode):
    """While active, follows every `topk` that leaves something out.

    Attributes:
        margin: smallest gap between the last score chosen and the first left out; infinite without any choice.
        chosen: for each number of candidates, which of them were chosen at least once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.margin = math.inf
        self.chosen: dict[int, set[int]] = defaultdict(set)

    def __torch_function__(
        self, func: Any, types: Iterable[type[Any]], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs `func`, and looks at its result where it is a choice."""
        result = func(*args, **(kwargs or {}))
        if func in (torch.topk, torch.Tensor.topk):
            self._look_at(result, *args, **(kwargs or {}))
        return result

    def _look_at(self, result: Any, input: torch.Tensor, k: int, dim: int = -1, **_: Any) -> None:
        candidates = input.shape[dim]
        if k == candidates:
            return
        ranked = input.detach().float().movedim(dim, -1).sort(dim=-1, descending=True).values
        # Of candidates at minus infinity, which are ruled out, it does not matter which is chosen.
        gaps = (ranked[..., k - 1] - ranked[..., k]).nan_to_num(nan=math.inf, posinf=math.inf)
        self.margin = min(self.margin, float(gaps.min()))
        self.chosen[candidates] |= set(result.indices.flatten().tolist())

    @property
    def unclear(self) -> tuple[str, ...]:
        """Says so where rounding may choose the expert."""
        if self.margin >= MIN_ROUTING_MARGIN:
            return ()
        return (f"two router scores come as close as {self.margin:.1g}, so rounding may choose the expert",)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Says where a candidate was never chosen."""
        return tuple(
            f"only {len(chosen)} of {candidates} experts or groups were ever chosen"
            for candidates, chosen in self.chosen.items()
            if len(chosen) < candidates
        )
