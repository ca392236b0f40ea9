"""The KV cache that QEfficient's export gives a model, beside what the model's attention writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qeff_codegen.errors import QEffCodegenError
from qeff_codegen.export.graph_io import KEY_AND_VALUE, IndexerShape, KVShape, LayerShapes, PartShape
from qeff_codegen.export.kv_cache import kv_cache_shapes

_SLOTS = "ctx_len"


class CacheDoesNotFit(QEffCodegenError):
    """The export's cache cannot hold what the model caches; the message says what each would be."""


def planned_layers(qeff_model: Any) -> list[LayerShapes]:
    """What the export of `qeff_model`, a `QEFFAutoModelForCausalLM`, would give each layer to cache into.

    It is asked of the export itself, which is stopped before it traces anything. `qeff_model` is used up.

    Raises:
        CacheDoesNotFit: the export does not come that far, or its cache is none of keys and values with one slot for
            each token of the context.
    """
    asked: dict[str, Any] = {}

    def instead_of_exporting(example_inputs: Any, **others: Any) -> None:
        asked.update(inputs=example_inputs, axes=others["dynamic_axes"])

    qeff_model._export = instead_of_exporting
    try:
        qeff_model.export()
    except Exception as error:  # it reads the configuration as it thinks it must be
        raise CacheDoesNotFit(
            f"QEfficient's export does not find the shape of the KV cache in this configuration: {error}"
        ) from error
    pairs = asked["inputs"].get("past_key_values")
    if pairs is None:
        raise CacheDoesNotFit("QEfficient's export gives this model no past_key_values")
    return layers_of(pairs, asked["axes"])


def layers_of(pairs: Sequence[Sequence[Any]], axes: Mapping[str, Mapping[int, str]]) -> list[LayerShapes]:
    """What each layer caches, by the example of a key and a value that an export has for it, and their axes.

    Raises:
        CacheDoesNotFit: a layer has not one slot for each token of the context.
    """
    return [_layer(index, pair, axes) for index, pair in enumerate(pairs)]


def check_written(planned: Sequence[LayerShapes], model: Any) -> None:
    """Makes sure that each layer of `model` writes what the export would have its cache hold.

    Raises:
        CacheDoesNotFit: it does not.
    """
    try:
        written = kv_cache_shapes(model)
    except Exception:  # a model that does more with its cache than update it is seen when it runs
        return
    if len(written) != len(planned):
        raise CacheDoesNotFit(
            f"QEfficient's export would cache {len(planned)} layers, and the model writes {len(written)}"
        )
    for index, (plan, layer) in enumerate(zip(planned, written, strict=True)):
        if len(plan) != len(layer):
            kept = ", ".join(f"{part.name}.{index}" for part in layer) or "nothing"
            raise CacheDoesNotFit(
                f"QEfficient's export would give layer {index} a key and a value to keep, and the layer keeps {kept}"
            )
        for name, expected, got in zip(KEY_AND_VALUE, plan, layer, strict=True):
            if expected.sizes(1, 1) != got.sizes(1, 1):
                raise CacheDoesNotFit(
                    f"QEfficient's export would give {name}.{index} the shape {_spelled(expected)}, and the attention "
                    f"writes {_spelled(got)}: its get_padding_shape_from_config reads this configuration otherwise "
                    "than the model does"
                )


def _layer(index: int, pair: Sequence[Any], axes: Mapping[str, Mapping[int, str]]) -> LayerShapes:
    for name in KEY_AND_VALUE:
        slots = axes.get(f"{name}.{index}", {}).get(2)
        if slots != _SLOTS:
            raise CacheDoesNotFit(
                f"QEfficient's export gives {name}.{index} the axis `{slots}`, not one slot for each token of the "
                "context: such a cache is not run here"
            )
    key, value = (
        KVShape(name, tensor.shape[1], tensor.shape[3]) for name, tensor in zip(KEY_AND_VALUE, pair, strict=True)
    )
    return key, value


def _spelled(shape: PartShape) -> str:
    if isinstance(shape, KVShape):
        return f"[batch_size, {shape.num_heads}, ctx_len, {shape.head_dim}]"
    if isinstance(shape, IndexerShape):
        return f"[batch_size, ctx_len, {shape.head_dim}]"
    return f"[batch_size, {', '.join(map(str, shape.own_sizes))}]"
