"""The two programs of an image-text model as one, which takes the pixels of each row's image with its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.utils import ModelOutput

from qeff_codegen.export.graph_io import DEEPSTACK_FEATURES
from qeff_codegen.export.kv_cache import position_sections_of


@dataclass
class SingleProgramOutput(ModelOutput):
    """What the program gives.

    Attributes:
        logits: float32 `[batch_size, 1, vocab]`, of each row's last token.
        cache: what is kept of each layer, updated.
        pixel_values: as they were taken; they stay on the device for the next call. None where none were taken.
        image_idx: int64 `[batch_size, 1]`, how many image tokens of each row have their embedding. None likewise.
    """

    logits: torch.Tensor | None = None
    cache: Any = None
    pixel_values: torch.Tensor | None = None
    image_idx: torch.Tensor | None = None


class SingleProgram(nn.Module):
    """Makes the embeddings of each row's image in every call, and places those that are due.

    Args:
        encoder: what `get_qeff_vision_encoder` gives.
        decoder: what `get_qeff_language_decoder` gives of the same model.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.text: Any = decoder
        self.images = encoder
        self.config = decoder.config
        self.num_position_sections = position_sections_of(decoder)

    def get_submodules_for_export(self) -> set[type[nn.Module]]:
        """Classes of the text model's repeated layers; each becomes one ONNX function."""
        layers: set[type[nn.Module]] = self.text.get_submodules_for_export()
        return layers

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: Any,
        pixel_values: torch.Tensor | None = None,
        image_idx: torch.Tensor | None = None,
        **optional: Any,
    ) -> SingleProgramOutput:
        """One call.

        Args:
            input_ids: int64 `[batch_size, seq_len]`.
            position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
            past_key_values: the cache.
            pixel_values: `[batch_size, channels, height, width]`, one image for each row; None for text alone.
            image_idx: int64 `[batch_size, 1]`, how many of its embeddings each row has used.
            optional: what else the decoder takes.
        """
        made = None if pixel_values is None else self.images(pixel_values)
        if isinstance(made, tuple):
            made, optional[DEEPSTACK_FEATURES] = made
        outputs = self.text(
            input_ids=input_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            vision_embeds=made,
            image_idx=image_idx,
            **optional,
        )
        return SingleProgramOutput(
            logits=outputs.logits, cache=outputs.cache, pixel_values=pixel_values, image_idx=outputs.image_idx
        )
