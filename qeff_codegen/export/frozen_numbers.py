"""Refuses a trace that holds numbers of its example.

A TorchScript trace knows tensors. `int(x.shape[1])` is a Python number, that of the example, and whatever is computed
of it is a constant in the graph, for sequences of any length; so is the way that `if x.shape[1] > 8:` takes. PyTorch
warns of some of these, not of `range(x.shape[1])`, and of many that do no harm. So what tensors are asked for is noted
while a model is traced. What is made of a call's data is refused. What is made of sizes is traced again at others: the
numbers that stay are a model's own, such as the size of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import torch
from torch import nn

from qeff_codegen.errors import Refusal
from qeff_codegen.export.looks_at_tensors import Look, looks_noted
from qeff_codegen.export.proved_operators.calls import Place
from qeff_codegen.export.proved_operators.check import RULE, location_of
from qeff_codegen.export.size_ranges import Limits


@contextmanager
def no_frozen_numbers(
    interface: nn.Module, others: Callable[[], Iterable[tuple[Any, ...]]], limits: Limits
) -> Iterator[None]:
    """The TorchScript exporter refuses what depends on its example.

    Args:
        interface: what is exported; its last input is the list of weights.
        others: gives examples of other sizes, without weights; called where sizes were asked for.
        limits: the longest that the axes of the inputs before the weights may be.

    Raises:
        Refusal: a number of the example would stand in the graph.
    """
    trace: Any = torch.jit._get_trace_graph

    def watched(model: nn.Module, arguments: Sequence[Any], **options: Any) -> Any:
        weights = arguments[-1]
        with looks_noted(model, limits) as looks:
            traced = trace(model, arguments, **options)
        for look in looks:
            if look.is_of_data:
                raise _refusal(look, interface)
        for example in others() if looks else ():
            with looks_noted(model, limits) as again:
                trace(model, (*example, weights), **options)
            for look, other in zip_longest(looks, again):
                if look != other:
                    raise _refusal(look or other, interface)
        return traced

    jit: Any = torch.jit
    jit._get_trace_graph = watched
    try:
        yield
    finally:
        jit._get_trace_graph = trace


def _refusal(look: Look, interface: nn.Module) -> Refusal:
    module = next((name for name, module in interface.named_modules() if id(module) == look.module), "")
    where = f" in {module}" if module else ""
    of = "values of the traced example" if look.is_of_data else "the sizes of the traced example"
    return Refusal(
        f"{look.what} of a tensor{where} depends on {of}, and the graph would keep it for every call.",
        rule=RULE,
        location=location_of(Place(module, look.path, look.line)),
        expected="sizes and values that stay tensors, as in `torch.arange(x.shape[1])` or `torch.where`",
        next_step=(
            "Compute the same without a Python number, or export with the other exporter (--dynamo), which traces "
            "with sizes that are symbols."
        ),
    )
