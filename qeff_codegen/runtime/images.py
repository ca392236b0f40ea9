"""What the two programs of an image-text model are made with: image embeddings in the places of image tokens."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.utils import ModelOutput

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.modeling_attn_mask_utils import Blocks


@dataclass
class ImageTextOutput(ModelOutput):
    """What the language program gives.

    Attributes:
        logits: float32 `[batch_size, 1, vocab]`, of each row's last token.
        cache: what is kept of each layer, updated.
        vision_embeds: as they were taken; they stay on the device for the next call. None where none were taken.
        image_idx: int64 `[batch_size, 1]`, how many image tokens of each row have their embedding. None likewise.
        deepstack_features: what goes into layers beside `vision_embeds`, as it was taken. None where nothing does.
    """

    logits: torch.Tensor | None = None
    cache: Any = None
    vision_embeds: torch.Tensor | None = None
    image_idx: torch.Tensor | None = None
    deepstack_features: torch.Tensor | None = None


def place_image_embeds(
    inputs_embeds: torch.Tensor,
    is_image_token: torch.Tensor,
    position_ids: torch.Tensor,
    vision_embeds: torch.Tensor,
    image_idx: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Puts each row's next image embeddings where its image tokens stand, in their order.

    A prompt comes in chunks, so how many embeddings a row has used is carried from call to call; a call without image
    tokens leaves that as it is. A call of one token is a step of decoding, in which nothing is placed: an image token
    that was generated has the embedding of a token.

    Args:
        inputs_embeds: `[batch_size, seq_len, hidden]`, the embeddings of the tokens.
        is_image_token: bool `[batch_size, seq_len]`.
        position_ids: int64 `[batch_size, seq_len]`; at a pad, -1, no token stands.
        vision_embeds: `[vision_batch_size, vision_size, hidden]`, a row for each row of tokens, in a call of one token
            any number of them.
        image_idx: int64 `[batch_size, 1]`, how many of its embeddings each row has used.

    Returns:
        The embeddings, and `image_idx` after this call.
    """
    is_placed, rows, places = _places(is_image_token, position_ids, vision_embeds, image_idx)
    image_embeds = vision_embeds[rows, places].to(inputs_embeds.dtype)
    inputs_embeds = torch.where(is_placed.unsqueeze(-1), image_embeds, inputs_embeds)
    return inputs_embeds, image_idx + is_placed.to(torch.int64).sum(1, keepdim=True)


def place_deep_embeds(
    is_image_token: torch.Tensor,
    position_ids: torch.Tensor,
    deepstack_features: torch.Tensor,
    image_idx: torch.Tensor,
) -> torch.Tensor:
    """Puts what goes into layers where each row's image tokens stand, as `place_image_embeds` does before the first.

    Args:
        deepstack_features: `[layers, vision_batch_size, vision_size, hidden]`.

    Returns:
        `[layers, batch_size, seq_len, hidden]`, zero at every other token.
    """
    is_placed, rows, places = _places(is_image_token, position_ids, deepstack_features[0], image_idx)
    return deepstack_features[:, rows, places] * is_placed.unsqueeze(-1).to(deepstack_features.dtype)


def _places(
    is_image_token: torch.Tensor, position_ids: torch.Tensor, vision_embeds: torch.Tensor, image_idx: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """At which tokens embeddings are placed, and of which row of them the token at each place gets which."""
    is_prefill = torch.ones_like(position_ids).sum(1, keepdim=True) > 1
    is_placed = is_image_token & (position_ids >= 0) & is_prefill
    places = (image_idx + is_placed.to(torch.int64).cumsum(1) - 1).clamp(min=0)
    places = torch.minimum(places, torch.ones_like(vision_embeds[:1, :, 0]).to(torch.int64).sum(1, keepdim=True) - 1)
    rows = torch.arange(vision_embeds.shape[0]).view(-1, 1)
    return is_placed, rows, places


def projected_embeds(projector: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """What a projector makes of each row of features, `[..., tokens, in]` to `[..., tokens, hidden]`.

    It is handed all rows one below another, as upstream does where it places them.
    """
    rows = projector(features.view(-1, features.size(-1)))
    return rows.view(*features.shape[:-1], -1)


def blocks_of_images(
    is_image_token: torch.Tensor,
    position_ids: torch.Tensor,
    *,
    in_windows: bool = False,
    past_windows: bool = False,
) -> Blocks:
    """Has the tokens of an image attend to one another: each run of image tokens, which is in one call as a whole.

    Args:
        is_image_token: bool `[batch_size, seq_len]`.
        position_ids: int64 `[batch_size, seq_len]`; at a pad, -1, no token stands.
        in_windows: whether only layers with a window let them attend to later ones.
        past_windows: whether they do so whatever window a layer has.
    """
    is_image = is_image_token & (position_ids >= 0)
    # The number of tokens before it that are no image tokens is the same for those of a run.
    run = (~is_image).to(torch.int64).cumsum(1)
    is_same_run = (run[:, :, None] == run[:, None, :]) & is_image[:, :, None] & is_image[:, None, :]
    last = torch.where(is_same_run, position_ids[:, None, :], -1).amax(2)
    first = None
    if past_windows:
        # The least of them: a device has an operator for the largest.
        first = -torch.where(is_same_run, -position_ids[:, None, :], -position_ids[:, :, None]).amax(2)
    return Blocks(torch.maximum(last, position_ids), first, in_windows=in_windows)


def block_of_prompt(position_ids: torch.Tensor) -> Blocks:
    """Has the tokens of a prompt attend to one another, whatever window a layer has: all of it is in one call.

    A call of one token is a step of decoding, in which a token attends to itself and to what came before.

    Args:
        position_ids: int64 `[batch_size, seq_len]`, -1 for pads, which come last.
    """
    is_token = position_ids >= 0
    last = torch.where(is_token, position_ids.amax(1, keepdim=True), position_ids)
    first = torch.where(is_token, position_ids[:, :1], position_ids)
    return Blocks(last, first)


def has_relative_positions(text_model: Any) -> Any:
    """The text model, once it is one to which positions matter by their differences alone.

    Upstream counts the positions of an image-text model's tokens from 1 there, and a slot of the cache is a position
    from 0.

    Raises:
        UsageError: it looks positions up in a table, or scales its rotation by the length of a text.
    """
    config = text_model.config
    kinds = [config.rope_parameters] if getattr(config, "rope_parameters", None) else []
    kinds += [kind for kind in (kinds[0].values() if kinds else ()) if isinstance(kind, dict)]
    scaled = any(kind.get("rope_type") in ("dynamic", "longrope") for kind in kinds)
    tables = [module for module in text_model.modules() if isinstance(module, nn.Embedding)]
    if scaled or not kinds or tables != [text_model.get_input_embeddings()]:
        raise UsageError(
            f"{type(text_model).__name__} knows positions themselves, and upstream counts those of images from 1."
        )
    return text_model


def text_model_of(model: nn.Module, text_model: Any, takes: str | None = None) -> Any:
    """The text model of an image-text model, once it is a QEff model whose embeddings are those of the whole.

    Args:
        takes: what it must take beside what every decoder does, where its package is another one.

    Raises:
        UsageError: the text model's family is not generated, or not as a part of such a model, or the tokens'
            embeddings are elsewhere.
    """
    taken = inspect.signature(text_model.forward).parameters
    if "batch_index" not in taken:
        raise UsageError(
            f"the text model of {type(model).__name__} is a {type(text_model).__name__}, which is no QEff model: the "
            "mapping has no entry for it. Generate its family into the same folder first."
        )
    if takes is not None and takes not in taken:
        raise UsageError(
            f"the text model of {type(model).__name__}, a {type(text_model).__name__}, does not take `{takes}`: it is "
            "generated for text alone. Its family must be generated as an image-text model, into the same folder."
        )
    whole: Any = model
    if whole.get_input_embeddings() is not text_model.get_input_embeddings():
        raise UsageError(f"{type(model).__name__} embeds its tokens elsewhere than {type(text_model).__name__} does.")
    return text_model


def decoder_layers_of(text_model: nn.Module) -> set[type[nn.Module]]:
    """The classes of a QEff text model's decoder layers: what its lists hold that takes the KV cache."""
    return {
        type(layer)
        for stack in text_model.modules()
        if isinstance(stack, nn.ModuleList)
        for layer in stack
        if "past_key_values" in inspect.signature(layer.forward).parameters
    }
