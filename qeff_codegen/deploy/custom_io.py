"""`custom_io.yaml`: the type in which the device keeps each tensor of the cache, as input and retained output.

A compressed cache compresses keys and values, most of it by far. States are replaced in every call, so what they lose
by rounding adds up: a recurrent state stays in float32, in which it is computed, and a convolution's in float16. So do
the keys of an indexer, which decide what is attended to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qeff_codegen.export.graph_io import (
    CONV_STATE,
    DEEPSTACK_FEATURES,
    INDEXER_KEYS,
    PIXEL_VALUES,
    RECURRENT_STATE,
    VISION_EMBEDS,
    retained_state_name,
)

FILE_NAME = "custom_io.yaml"
FLOAT16 = "float16"
FLOAT32 = "float32"
MXINT8 = "mxint8"

# What images are for the device is not compressed either.
_NOT_COMPRESSED = {
    CONV_STATE: FLOAT16,
    DEEPSTACK_FEATURES: FLOAT16,
    INDEXER_KEYS: FLOAT16,
    RECURRENT_STATE: FLOAT32,
    VISION_EMBEDS: FLOAT16,
    PIXEL_VALUES: FLOAT16,
}


def render(kv_names: Sequence[str], precision: str) -> str:
    """The file's text: one block for every cache input, followed by one for its retained output.

    Args:
        kv_names: the graph's inputs that are retained, in their order: the cache, and before it images.
        precision: `float16`, or `mxint8` for a compressed cache.
    """
    precisions = precisions_of(kv_names, precision).items()
    blocks = ((name, own) for kv_name, own in precisions for name in (kv_name, retained_state_name(kv_name)))
    return _rendered(blocks)


def precisions_of(kv_names: Sequence[str], precision: str) -> dict[str, str]:
    """The type of each of these inputs; arguments are those of `render`."""
    return {name: _NOT_COMPRESSED.get(name.split(".")[0], precision) for name in kv_names}


def render_vision(outputs: Sequence[str]) -> str:
    """The file's text for a vision program, which retains nothing: a block for its input and one for each output."""
    return _rendered((name, FLOAT16) for name in (PIXEL_VALUES, *outputs))


def _rendered(blocks: Iterable[tuple[str, str]]) -> str:
    return "".join(f" - IOName: {name}\n   Precision: {own}\n\n" for name, own in blocks)
