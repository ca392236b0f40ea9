"""Names, order and dynamic axes of an exported decoder's inputs and outputs, as QEfficient's tools expect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from qeff_codegen.export.sampler_io import PENALTY_BUFFERS, SAMPLING_INPUTS, SamplerSpec, sampler_axes
from qeff_codegen.runtime.windows import Window

RETAINED_STATE_SUFFIX = "_RetainedState"
LOGITS = "logits"
CTX_LEN = "ctx_len"
# Axes that do not count tokens, so that the context does not limit them.
ROWS = ("batch_size", "full_batch_size", "vision_batch_size", "vision_size")
# The program for text of an image-text model: what its image tokens stand for, and how many of these are used.
VISION_EMBEDS = "vision_embeds"
# What goes into layers of the text model beside, a part for each of the first of them.
DEEPSTACK_FEATURES = "deepstack_features"
# What the program for both takes instead.
PIXEL_VALUES = "pixel_values"
IMAGE_IDX = "image_idx"
IMAGE_IDX_OUTPUT = "image_idx_output"

# What a layer's cache tensors are called, keys before values. Where keys and values are expanded from a latent after
# they were read, what is cached is the rotated part of the keys and the latent.
KEY_AND_VALUE = ("past_key", "past_value")
ROTATED_AND_LATENT = ("k_pe", "compressed_kv")
# What a layer keeps that is no key and no value: the last columns that went into a convolution, and what a recurrence
# carries on.
CONV_STATE = "conv_state"
RECURRENT_STATE = "recurrent_state"
# What an indexer scores to choose the keys that are attended to: a key of its own for every token.
INDEXER_KEYS = "indexer_key_cache"


@dataclass(frozen=True)
class KVShape:
    """A cache tensor: its name without the layer's number, and what it needs besides batch size and context length.

    It has a slot for each position of the context, or those of its layer's window.
    """

    name: str
    num_heads: int
    head_dim: int
    window: Window | None = None

    def sizes(self, rows: int, ctx_len: int) -> tuple[int, ...]:
        """Returns the whole shape for so many rows of so long a context."""
        slots = ctx_len if self.window is None else self.window.slots(ctx_len)
        return rows, self.num_heads, slots, self.head_dim

    def axes(self, rows: str) -> dict[int, str]:
        """Returns the names of the axes that are not fixed, that of rows as given."""
        return {0: rows, 2: CTX_LEN if self.window is None else self.window.axis}


@dataclass(frozen=True)
class StateShape:
    """A state, of which every row has one whatever its length: its name likewise, and its axes but that of rows."""

    name: str
    own_sizes: tuple[int, ...]

    def sizes(self, rows: int, ctx_len: int) -> tuple[int, ...]:
        """Returns the whole shape for so many rows; the context makes no difference."""
        return rows, *self.own_sizes

    def axes(self, rows: str) -> dict[int, str]:
        """Returns the names of the axes that are not fixed, that of rows as given."""
        return {0: rows}


@dataclass(frozen=True)
class IndexerShape:
    """The keys of an indexer, which have slots as keys have, and one head: their name likewise, and their size."""

    name: str
    head_dim: int

    def sizes(self, rows: int, ctx_len: int) -> tuple[int, ...]:
        """Returns the whole shape for so many rows of so many slots."""
        return rows, ctx_len, self.head_dim

    def axes(self, rows: str) -> dict[int, str]:
        """Returns the names of the axes that are not fixed, that of rows as given."""
        return {0: rows, 1: CTX_LEN}


PartShape = KVShape | StateShape | IndexerShape
# What one layer keeps, in the order in which the model takes it, the names' own order: keys before values, whose
# shapes need not be the same, and states around them; an indexer's keys come last.
LayerShapes = tuple[PartShape, ...]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ExportSpec:
    """Which graph to export. Batch size, sequence length and context length stay dynamic in every one of them.

    Attributes:
        ctx_len: the largest context the graph is meant for, in tokens; the model must know that many positions.
        continuous_batching: the graph takes `batch_index`, and the cache's first axis is `full_batch_size`.
        compute_context_length: the graph takes `comp_ctx_lengths`, whose length is how much of the context
            attention reads.
        is_tlm: the graph takes `num_logits_to_keep`, whose length is the logits of how many tokens it returns: the
            target language model of speculative decoding.
        use_onnx_subfunctions: each decoder-layer class is one ONNX function, called once for each layer.
        sampler: how the graph draws the next tokens, which it then gives instead of logits; None where it does not.
        dynamo: torch.export traces the model, not TorchScript.
        images: the graph takes image embeddings and puts them in the places of image tokens.
        full_caches: layers with a window keep the whole context too.
        pixels: channels, height and width of the image of each row, where the graph makes the embeddings itself, of
            pixels that it takes instead; None where it takes embeddings.
        feature_layers: for how many layers the graph takes features of images beside their embeddings.
        position_sections: how many positions a token has beside that in the text, which then stands first of them, in
            `position_ids` `[1 + position_sections, batch_size, seq_len]`.
    """

    ctx_len: int
    continuous_batching: bool = False
    compute_context_length: bool = False
    is_tlm: bool = False
    use_onnx_subfunctions: bool = False
    sampler: SamplerSpec | None = None
    dynamo: bool = False
    images: bool = False
    pixels: tuple[int, int, int] | None = None
    full_caches: bool = False
    feature_layers: int = 0
    position_sections: int = 0

    @property
    def image_input(self) -> str:
        """What of images a graph takes, and hands on to the next call."""
        return VISION_EMBEDS if self.pixels is None else PIXEL_VALUES

    @property
    def of_images(self) -> list[str]:
        """What of images a graph takes, and hands on to the next call; nothing for text alone."""
        deep = [DEEPSTACK_FEATURES] if self.feature_layers and self.pixels is None else []
        return [self.image_input, *deep] if self.images else []


def in_graph_order(layer: LayerShapes, tensors: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Returns what belongs to the tensors of a layer in the graph's order, or from there in the model's.

    The graph takes them in the model's order, but a latent before the rotated part.
    """
    is_latent = tuple(part.name for part in layer[:2]) == ROTATED_AND_LATENT
    return (*tensors[1::-1], *tensors[2:]) if is_latent else tensors


def states_of(layers: Sequence[LayerShapes]) -> list[str]:
    """Returns the names of the kinds of states that some layer keeps; none where all keep keys and values."""
    return sorted({part.name for layer in layers for part in layer if isinstance(part, StateShape)})


def has_context(layers: Sequence[LayerShapes]) -> bool:
    """Returns whether some layer keeps keys and values that have a slot for every token of the context."""
    return any(CTX_LEN in part.axes("").values() for layer in layers for part in layer)


def window_of(layer: LayerShapes) -> Window | None:
    """Returns the window that a layer keeps; None where it keeps the whole context, or no keys."""
    return next((part.window for part in layer if isinstance(part, KVShape)), None)


def windows_of(layers: Sequence[LayerShapes]) -> dict[str, int]:
    """Returns the length of each window that some layer keeps, by the name of its axis."""
    windows = (window_of(layer) for layer in layers)
    return {window.axis: window.length for window in windows if window is not None}


def kv_names(layers: Sequence[LayerShapes]) -> list[str]:
    """Returns the cache's input names: what layer 0 keeps, such as its key and value, layer 1, and so on."""
    return [f"{part.name}.{index}" for index, layer in enumerate(layers) for part in in_graph_order(layer, layer)]


def retained_state_name(kv_name: str) -> str:
    """Returns the output that holds the updated tensor of a cache input; the compiler pairs them by this suffix."""
    return kv_name + RETAINED_STATE_SUFFIX


def optional_input_names(spec: ExportSpec) -> list[str]:
    """Returns, in order, the inputs that only some graphs take."""
    asked = {
        "batch_index": spec.continuous_batching,
        "comp_ctx_lengths": spec.compute_context_length,
        "num_logits_to_keep": spec.is_tlm,
    }
    sampling = SAMPLING_INPUTS if spec.sampler is not None else ()
    return [*(name for name, wanted in asked.items() if wanted), *sampling]


def token_input_names(spec: ExportSpec) -> list[str]:
    """Returns, in order, the inputs that stand before the cache."""
    return ["input_ids", *spec.of_images, "position_ids", *([IMAGE_IDX] if spec.images else [])]


def input_names(spec: ExportSpec, layers: Sequence[LayerShapes]) -> list[str]:
    """Returns the graph's inputs in order."""
    return [*token_input_names(spec), *kv_names(layers), *optional_input_names(spec)]


def traced_input_names(spec: ExportSpec, layers: Sequence[LayerShapes]) -> list[str]:
    """Returns the inputs in the order in which the exporter is given them: those of images come last."""
    of_images = image_input_names(spec)
    return [name for name in input_names(spec, layers) if name not in of_images] + of_images


def image_input_names(spec: ExportSpec) -> list[str]:
    """Returns the inputs of a graph that takes images, which others do not have."""
    return [*spec.of_images, IMAGE_IDX] if spec.images else []


def output_names(spec: ExportSpec, layers: Sequence[LayerShapes]) -> list[str]:
    """Returns the graph's outputs in order."""
    results, buffers = ([LOGITS], ()) if spec.sampler is None else (spec.sampler.output_names, PENALTY_BUFFERS)
    images = [*map(retained_state_name, spec.of_images), IMAGE_IDX_OUTPUT] if spec.images else []
    return [*results, *images, *(retained_state_name(name) for name in (*kv_names(layers), *buffers))]


def dynamic_axes(spec: ExportSpec, layers: Sequence[LayerShapes]) -> dict[str, dict[int, str]]:
    """Returns, for every input and output, the name of each axis that is not fixed."""
    cache_rows = "full_batch_size" if spec.continuous_batching else "batch_size"
    tokens = {0: "batch_size", 1: "seq_len"}
    axes: dict[str, dict[int, str]] = {"input_ids": tokens, "position_ids": tokens}
    if spec.position_sections:
        axes["position_ids"] = {1: "batch_size", 2: "seq_len"}
    if spec.images:
        embeds = {0: "vision_batch_size", 1: "vision_size"}
        rows = embeds if spec.pixels is None else {0: "batch_size"}
        axes[spec.image_input] = axes[retained_state_name(spec.image_input)] = rows
        for name in spec.of_images[1:]:
            axes[name] = axes[retained_state_name(name)] = {axis + 1: called for axis, called in embeds.items()}
        axes[IMAGE_IDX] = axes[IMAGE_IDX_OUTPUT] = {0: "batch_size"}
    parts = (part for layer in layers for part in in_graph_order(layer, layer))
    for name, part in zip(kv_names(layers), parts, strict=True):
        axes[name] = axes[retained_state_name(name)] = part.axes(cache_rows)
    if spec.continuous_batching:
        axes["batch_index"] = {0: "batch_size"}
    if spec.compute_context_length:
        axes["comp_ctx_lengths"] = {0: "comp_ctx_lengths"}
    if spec.is_tlm:
        axes["num_logits_to_keep"] = {0: "num_logits_to_keep"}
    if spec.sampler is not None:
        axes |= sampler_axes(spec.sampler)
        for name in PENALTY_BUFFERS:
            axes[name] = axes[retained_state_name(name)] = {0: cache_rows}
        return axes
    axes[LOGITS] = {0: "batch_size", 1: "num_logits_to_keep"} if spec.is_tlm else {0: "batch_size"}
    return axes


def axis_limit(axis_name: str, spec: ExportSpec) -> int | None:
    """Returns the longest that an axis may be; None for rows and images, which have no limit.

    Tables of positions end somewhere, and cutting one to the context is exact only where the context is not longer.
    """
    return None if axis_name in ROWS else spec.ctx_len


def axis_limits(spec: ExportSpec, layers: Sequence[LayerShapes]) -> list[dict[int, float]]:
    """Returns the longest that the axes which are not fixed may be, for every input in the order of tracing."""
    axes, windows = dynamic_axes(spec, layers), windows_of(layers)
    return [
        {axis: windows.get(axis_name) or axis_limit(axis_name, spec) or inf for axis, axis_name in axes[name].items()}
        for name in traced_input_names(spec, layers)
    ]
