"""Tensors that share their numbers, where one of them is changed in place.

The TorchScript exporter has no tensors that share anything: it writes what an operator in place computes, and lets those
that read the same tensor later read that. It does so for the tensor itself and for parts of it that are taken with
`select` and `slice`; what another view of it shows stays as it was.
"""

from __future__ import annotations

from typing import Any

_PARTS = frozenset({"aten::select", "aten::slice"})
# What may show the numbers of its first input.
_VIEWS = _PARTS | frozenset(
    f"aten::{name}"
    for name in (
        "adjoint alias as_strided broadcast_to chunk contiguous detach diagonal expand expand_as flatten mH mT movedim "
        "narrow numpy_T permute pixel_shuffle real reshape reshape_as split split_with_sizes squeeze swapaxes swapdims t "
        "tensor_split to transpose type_as unbind unflatten unfold unsqueeze view view_as"
    ).split()
) | {"prim::ConstantChunk"}


def seen_elsewhere(changed: Any, node: Any) -> bool:
    """Whether a tensor that `node` changes in place may be seen under a name that the exporter does not follow.

    Args:
        changed: the tensor.
        node: the operator in place.
    """
    around = node
    while changed.node().kind() in _PARTS:
        around = changed.node()
        changed = next(around.inputs())
        if _is_shown(changed, node, around):
            return True
    maker = changed.node()
    return maker.kind() in _VIEWS or maker.kind() == "prim::ListUnpack" or _is_shown(changed, node, around)


def _is_shown(value: Any, node: Any, way: Any) -> bool:
    """Whether a view of `value` is made before `node`, not on the `way` to it, and read after it."""
    for use in value.uses():
        view = use.user
        if view == way or view.kind() not in _VIEWS or not view.isBefore(node):
            continue
        if any(later.user.isAfter(node) for output in view.outputs() for later in output.uses()):
            return True
    return False
