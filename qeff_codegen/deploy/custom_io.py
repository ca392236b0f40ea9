"""`custom_io.yaml`: the type in which the device keeps each tensor of the KV cache, as input and retained output."""

from __future__ import annotations

from collections.abc import Sequence

from qeff_codegen.export.graph_io import retained_state_name

FILE_NAME = "custom_io.yaml"
FLOAT16 = "float16"
MXINT8 = "mxint8"


def render(kv_names: Sequence[str], precision: str) -> str:
    """The file's text: one block for every cache input, followed by one for its retained output.

    Args:
        kv_names: the graph's cache inputs, in their order.
        precision: `float16`, or `mxint8` for a compressed cache.
    """
    names = [name for kv_name in kv_names for name in (kv_name, retained_state_name(kv_name))]
    return "".join(f" - IOName: {name}\n   Precision: {precision}\n\n" for name in names)
