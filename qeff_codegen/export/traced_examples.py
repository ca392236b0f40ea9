"""The example that an exporter traces, of sizes that decide nothing, and others that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from qeff_codegen.export.graph_io import ExportSpec, LayerShapes, in_graph_order
from qeff_codegen.export.kv_cache import allocate_kv_cache
from qeff_codegen.export.sampler_io import example_inputs

# More than what code that works by blocks of tokens has in one: a length may be rounded up to that.
_LONG = 290


@dataclass(frozen=True)
class ExampleSizes:
    """How long the dynamic axes of an example are; sequence and context at most what the graph is meant for."""

    batch_size: int
    cache_rows: int
    seq_len: int
    ctx_len: int
    num_logits: int
    vision_size: int


# The axes are dynamic, so any sizes will do that are not 1 (a size of 1 broadcasts) and make tracing quick.
TRACED = ExampleSizes(batch_size=2, cache_rows=3, seq_len=4, ctx_len=8, num_logits=2, vision_size=5)
# A number that comes from sizes, and is the same at all three, is no number of sizes. All are different ones, so that
# it is told of which axis a size is.
OTHERS = (
    ExampleSizes(batch_size=3, cache_rows=4, seq_len=1, ctx_len=2, num_logits=1, vision_size=6),
    ExampleSizes(batch_size=1, cache_rows=6, seq_len=_LONG, ctx_len=_LONG + 7, num_logits=5, vision_size=9),
)


def example_of(
    model: nn.Module, shapes: Sequence[LayerShapes], spec: ExportSpec, sizes: ExampleSizes = TRACED
) -> tuple[Any, ...]:
    """Returns what a model takes, in the order in which it is traced: tokens, positions, cache, optional inputs.

    What belongs to images stands last (see `traced_input_names`).
    """
    dtype = next(model.parameters()).dtype
    cache_rows = sizes.cache_rows if spec.continuous_batching else sizes.batch_size
    seq_len, ctx_len = min(sizes.seq_len, spec.ctx_len), min(sizes.ctx_len, spec.ctx_len)
    input_ids = torch.zeros(sizes.batch_size, seq_len, dtype=torch.int64)
    position_ids = torch.arange(seq_len).repeat(sizes.batch_size, 1)
    if spec.position_sections:
        position_ids = position_ids.repeat(1 + spec.position_sections, 1, 1)
    cache = allocate_kv_cache(shapes, cache_rows, ctx_len, dtype)
    reordered = [in_graph_order(layer, tensors) for layer, tensors in zip(shapes, cache, strict=True)]
    optional: list[torch.Tensor] = []
    if spec.continuous_batching:
        optional.append(torch.arange(sizes.batch_size).unsqueeze(1))
    if spec.compute_context_length:
        optional.append(torch.zeros(max(1, ctx_len - 1), dtype=torch.int64))
    if spec.is_tlm:
        optional.append(torch.zeros(min(sizes.num_logits, seq_len), 1, dtype=torch.int64))
    if spec.sampler is not None:
        config: Any = model.config
        vocab_size = config.get_text_config().vocab_size
        sampling = example_inputs(spec.sampler, sizes.batch_size, seq_len, cache_rows, vocab_size)
        optional.extend(sampling.values())
    if spec.images:
        text: Any = model.config
        hidden_size = text.get_text_config().hidden_size
        embeds = sizes.batch_size, sizes.vision_size, hidden_size
        of_images = embeds if spec.pixels is None else (sizes.batch_size, *spec.pixels)
        optional.append(torch.zeros(of_images, dtype=dtype))
        for _ in spec.of_images[1:]:
            optional.append(torch.zeros(spec.feature_layers, *embeds, dtype=dtype))
        optional.append(torch.zeros(sizes.batch_size, 1, dtype=torch.int64))
    return input_ids, position_ids, reordered, optional
