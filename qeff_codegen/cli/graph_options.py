"""What `compile` and `infer` both ask for: the sizes a graph serves, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option("--prefill-seq-len", type=int, default=32, show_default=True, help="Tokens of one prefill chunk."),
    click.option("--ctx-len", type=int, default=128, show_default=True, help="Slots of the KV cache."),
    click.option(
        "--full-batch-size", type=int, help="Rows of the KV cache, for continuous batching.  [default: none of it]"
    ),
    click.option(
        "--comp-ctx-lengths-prefill",
        type=int,
        multiple=True,
        help="How much of the context prefill may read where less is in use; repeatable.",
    ),
    click.option(
        "--comp-ctx-lengths-decode", type=int, multiple=True, help="The same for decode calls; give both or none."
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "float16"]),
        default="float32",
        show_default=True,
        help="What weights, cache and arithmetic are in.",
    ),
    click.option(
        "--num-kv-blocks",
        type=int,
        default=1,
        show_default=True,
        help="Blocks of keys that attention is computed over.",
    ),
    click.option("--use-onnx-subfunctions", is_flag=True, help="Make one ONNX function of every decoder-layer class."),
    click.option("--dynamo", is_flag=True, help="Export with torch.export instead of TorchScript."),
    click.option("--full-caches", is_flag=True, help="Layers with a window keep the whole context too."),
)


def graph_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options, in this order, to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
