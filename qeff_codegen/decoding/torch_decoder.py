"""Runs a QEff model in PyTorch, one call at a time, with the interface of the onnxruntime session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from qeff_codegen.decoding.continued_rows import ContinuedRows
from qeff_codegen.decoding.position_sections import with_sections
from qeff_codegen.export.graph_io import (
    DEEPSTACK_FEATURES,
    PIXEL_VALUES,
    VISION_EMBEDS,
    ExportSpec,
    LayerShapes,
    in_graph_order,
    kv_names,
    states_of,
    window_of,
    windows_of,
)
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.kv_cache import allocate_kv_cache, cache_of, check_ctx_len
from qeff_codegen.export.sampler_io import PENALTY_BUFFERS, SamplerSpec
from qeff_codegen.export.sampling import Sampler
from qeff_codegen.runtime.windows import windows_kept


class TorchDecoder:
    """Keeps a model's KV cache between calls.

    Args:
        model: a causal LM whose modules were mapped to their QEff classes.
        batch_size: rows of the cache; with continuous batching, the slots that `batch_index` chooses from.
        ctx_len: slots per row, of layers that keep the whole context.
        layers: what each layer caches; asked of the model unless given (see `layers_kept`).
        sampler: what draws the next tokens, where not logits are wanted but these.

    Raises:
        UsageError: the model knows fewer positions than `ctx_len`.
    """

    def __init__(
        self,
        model: nn.Module,
        batch_size: int,
        ctx_len: int,
        *,
        layers: Sequence[LayerShapes] | None = None,
        sampler: SamplerSpec | None = None,
    ) -> None:
        config: Any = model.config
        check_ctx_len(config, ctx_len)
        self.model = model.eval()
        self._shapes = layers_kept(self.model, ExportSpec(ctx_len)) if layers is None else layers
        self._batch_size = batch_size
        self._ctx_len = ctx_len
        self._sampler = None if sampler is None else Sampler(sampler)
        self._vocab_size = config.get_text_config().vocab_size
        self.reset()

    def reset(self) -> None:
        """Empties the cache."""
        self.image_idx: np.ndarray | None = None
        dtype = next(self.model.parameters()).dtype
        self._past_key_values: Any = allocate_kv_cache(self._shapes, self._batch_size, self._ctx_len, dtype)
        kept = states_of(self._shapes)
        goes_on = kept or windows_of(self._shapes)
        self._continued = ContinuedRows(self._batch_size, keeps_states=bool(kept)) if goes_on else None
        unseen = torch.zeros(self._batch_size, self._vocab_size, dtype=torch.bool)
        self._penalty_buffers = [unseen, unseen]

    def cache(self) -> dict[str, np.ndarray]:
        """Returns what is cached, by the names and in the order of the graph's inputs.

        Keys and values are `[batch_size, num_heads, slots, head_dim]`. All may share their memory with the cache.
        """
        layers = zip(self._shapes, self._past_key_values, strict=True)
        tensors = [tensor for layer, kept in layers for tensor in in_graph_order(layer, kept)]
        return {name: np.asarray(tensor) for name, tensor in zip(kv_names(self._shapes), tensors, strict=True)}

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        comp_ctx_lengths: np.ndarray | None = None,
        num_logits_to_keep: np.ndarray | None = None,
        vision_embeds: np.ndarray | None = None,
        pixel_values: np.ndarray | None = None,
        image_idx: np.ndarray | None = None,
        position_sections: np.ndarray | None = None,
        deepstack_features: np.ndarray | None = None,
        **sampling: np.ndarray,
    ) -> np.ndarray:
        """Runs one prefill chunk or decode step and keeps the updated cache.

        Args:
            input_ids: int64 `[batch_size, seq_len]`.
            position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
            batch_index: int64 `[batch_size, 1]`, the cache row of each input row (continuous batching).
            comp_ctx_lengths: int64 of any content; its length is how many slots attention reads.
            num_logits_to_keep: int64 `[num_logits, 1]` of any content; its length says of how many tokens.
            vision_embeds: `[vision_batch_size, vision_size, hidden]` in the model's format, where it takes images.
            pixel_values: `[batch_size, channels, height, width]` likewise, where it makes these embeddings itself.
            image_idx: int64 `[batch_size, 1]`, how many of them each row has used; the attribute of the same name is
                that after the call.
            position_sections: int64 `[kinds, batch_size, seq_len]`, what tokens are rotated by, where that is another
                place than theirs.
            deepstack_features: `[layers, vision_batch_size, vision_size, hidden]`, what goes into layers beside
                `vision_embeds`.
            sampling: what the sampler takes besides its buffers; see `sampler_io`.

        Returns:
            float32 `[batch_size, 1, vocab]`: the logits of each row's last token in this call; with
            `num_logits_to_keep` `[batch_size, num_logits, vocab]`, those of its last tokens in their order.
            With a sampler int64 `[batch_size, 1, 1]`: each row's next token.

        Raises:
            UsageError: the model keeps states or windows, and a row does not go on where it stands.
        """
        if self._continued is not None:
            self._continued.take(position_ids, batch_index)
        optional = {
            "batch_index": batch_index,
            "comp_ctx_lengths": comp_ctx_lengths,
            "num_logits_to_keep": num_logits_to_keep,
            VISION_EMBEDS: vision_embeds,
            DEEPSTACK_FEATURES: deepstack_features,
            PIXEL_VALUES: pixel_values,
            "image_idx": image_idx,
        }
        with torch.no_grad(), windows_kept([window_of(layer) for layer in self._shapes]):
            outputs = self.model(
                input_ids=torch.from_numpy(input_ids),
                position_ids=torch.from_numpy(with_sections(position_ids, position_sections)),
                past_key_values=self._past_key_values,
                use_cache=True,
                **{name: torch.from_numpy(array) for name, array in optional.items() if array is not None},
            )
            self._past_key_values = list(cache_of(outputs))
            if image_idx is not None:
                self.image_idx = np.asarray(outputs.image_idx)
            if self._sampler is None:
                return np.asarray(outputs.logits)
            results, self._penalty_buffers = self._sampler(
                outputs.logits,
                torch.from_numpy(input_ids),
                torch.from_numpy(position_ids),
                None if batch_index is None else torch.from_numpy(batch_index),
                **{name: torch.from_numpy(array) for name, array in sampling.items()},
                **dict(zip(PENALTY_BUFFERS, self._penalty_buffers, strict=True)),
            )
        return np.asarray(results[-1])
