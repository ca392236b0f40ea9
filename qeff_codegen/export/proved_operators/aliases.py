"""Tensors that share their numbers, where one of them is changed in place.

The TorchScript exporter has no tensors that share anything: it writes what an operator in place computes, and lets
those that read the same tensor later read that. It does so for the tensor itself and for parts of it that are taken
with `select` and `slice`; what another view of it shows stays as it was.
"""

from __future__ import annotations

from typing import Any

_PARTS = frozenset({"aten::select", "aten::slice"})
# What may show the numbers of its first input.
_VIEWS = (
    _PARTS
    | frozenset(
        f"aten::{name}"
        for name in [
            "adjoint",
            "alias",
            "as_strided",
            "broadcast_to",
            "chunk",
            "contiguous",
            "detach",
            "diagonal",
            "expand",
            "expand_as",
            "flatten",
            "mH",
            "mT",
            "movedim",
            "narrow",
            "numpy_T",
            "permute",
            "pixel_shuffle",
            "real",
            "reshape",
            "reshape_as",
            "split",
            "split_with_sizes",
            "squeeze",
            "swapaxes",
            "swapdims",
            "t",
            "tensor_split",
            "to",
            "transpose",
            "type_as",
            "unbind",
            "unflatten",
            "unfold",
            "unsqueeze",
            "view",
            "view_as",
        ]
    )
    | {"prim::ConstantChunk"}
)


def seen_elsewhere(changed: Any, node: Any) -> bool:
    """Whether a tensor that `node` changes in place is read later under a name that the exporter does not follow.

    Args:
        changed: the tensor.
        node: the operator in place.
    """
    value, way, followed = changed, node, True
    while True:
        if _is_shown(value, node, way) or (not followed and _is_read(value, node, way)):
            return True
        maker = value.node()
        if maker.kind() == "prim::ListUnpack":
            maker = next(maker.inputs()).node()
        if maker.kind() not in _VIEWS and not _is_in_place(maker):
            return False
        followed = followed and (maker.kind() in _PARTS or _is_in_place(maker))
        value, way = next(maker.inputs()), maker


def _is_shown(value: Any, node: Any, way: Any) -> bool:
    """Whether a view of `value` that is made before `node`, and not on the `way` to it, is read after it."""
    for use in value.uses():
        view = use.user
        if view == way or view.kind() not in _VIEWS or not view.isBefore(node):
            continue
        if any(_is_read(output, node, way) or _is_shown(output, node, way) for output in view.outputs()):
            return True
    return False


def _is_read(value: Any, node: Any, way: Any) -> bool:
    return any(use.user != way and use.user.isAfter(node) for use in value.uses())


def _is_in_place(node: Any) -> bool:
    kind = node.kind()
    return bool(kind.startswith("aten::") and kind.endswith("_") and not kind.endswith("__"))
