"""Attention that reads keys and values where the cache has them, and does not repeat them for the heads of a group.

    keys and values gathered, repeated            the cache itself, with an axis of 1 for the heads of a group
    MatMul(query, Transpose(keys))                FusedMatMul(query * scale, keys, transB=1)
    * scale                                  -->
    Where(mask, -inf, scores)                     scores + bias, of the same numbers
    Softmax, MatMul with values                   the same

What stands between, such as a cap of the scores, stays. The scale comes before the product because ONNX Runtime's
fastest kernel for a single token takes no factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx_ir

from qeff_codegen.decoding.host_graph.building import MICROSOFT
from qeff_codegen.decoding.host_graph.call import Call
from qeff_codegen.decoding.host_graph.nodes import behind_casts, constant, either_order, integers, is_number, maker
from qeff_codegen.decoding.host_graph.slots import Slots

# What may stand between the product and the mask: it changes each score by itself.
_OF_EACH_SCORE = ("Mul", "Div", "Add", "Tanh", "Cast", "Identity")
_TRANSPOSED_KEYS = [0, 1, 3, 2]


@dataclass(frozen=True)
class Attention:
    """One layer's, as it was exported.

    Attributes:
        product: makes scores from queries and keys.
        keys: what is read of them, `[batch_size, heads, slots, head_dim]`.
        masked: puts minus infinity where the mask is true.
        weighted: multiplies weights with values.
        values: what is read of them.
        query_heads: how many there are.
    """

    product: onnx_ir.Node
    keys: onnx_ir.Value
    masked: onnx_ir.Node
    weighted: onnx_ir.Node
    values: onnx_ir.Value
    query_heads: int | None


def find_attention(weighted: onnx_ir.Node, slots: Slots) -> Attention | None:
    """The attention whose last product this node is."""
    if weighted.op_type != "MatMul":
        return None
    weights, repeated_values = weighted.inputs
    assert weights is not None and repeated_values is not None
    once, query_heads = _without_repeating(repeated_values)
    values = slots.read(once)
    softmax = maker(behind_casts(weights), "Softmax")
    if values is None or softmax is None or softmax.attributes["axis"].as_int() not in (-1, 3):
        return None
    assert softmax.inputs[0] is not None
    masked = maker(behind_casts(softmax.inputs[0]), "Where")
    if masked is None:
        return None
    mask, least, scores = masked.inputs
    assert mask is not None and scores is not None
    if not is_number(least, -math.inf) or not slots.hides_later(mask):
        return None
    found = _product_of(scores, slots)
    if found is None:
        return None
    product, keys, heads_of_keys = found
    if heads_of_keys != query_heads:
        return None
    return Attention(product, keys, masked, weighted, values, query_heads)


def _without_repeating(value: onnx_ir.Value) -> tuple[onnx_ir.Value, int | None]:
    """Keys or values before they were repeated for the heads of each group, and how many heads there are then."""
    reshape = maker(value, "Reshape")
    expand = None if reshape is None else maker(reshape.inputs[0], "Expand")
    unsqueeze = None if expand is None else maker(expand.inputs[0], "Unsqueeze")
    if reshape is None or unsqueeze is None or integers(unsqueeze.inputs[1]) != [2]:
        return value, None
    shape = maker(reshape.inputs[1], "Concat")
    heads = None if shape is None or len(shape.inputs) != 4 else integers(shape.inputs[1])
    assert unsqueeze.inputs[0] is not None
    return (value, None) if heads is None else (unsqueeze.inputs[0], heads[0])


def _product_of(scores: onnx_ir.Value, slots: Slots) -> tuple[onnx_ir.Node, onnx_ir.Value, int | None] | None:
    """The product of queries and keys that the scores were made of, what is read as keys, and their heads."""
    node = scores.producer()
    if node is None:
        return None
    if node.op_type == "MatMul":
        transposed = maker(node.inputs[1], "Transpose")
        if transposed is None or list(transposed.attributes["perm"].as_ints()) != _TRANSPOSED_KEYS:
            return None
        assert transposed.inputs[0] is not None
        once, heads = _without_repeating(transposed.inputs[0])
        keys = slots.read(once)
        return None if keys is None else (node, keys, heads)
    if node.op_type in _OF_EACH_SCORE:
        inputs = [value for value in node.inputs if value is not None]
        return next((found for value in inputs if (found := _product_of(value, slots)) is not None), None)
    return None


def read_in_place(found: Attention, call: Call) -> None:
    """Rewrite one attention."""
    new = call.new
    query, keys, values = found.product.inputs[0], found.keys, found.values
    mask, _, masked_scores = found.masked.inputs
    assert query is not None and mask is not None and masked_scores is not None
    scores, scale = _scaled(found.product)
    if scale is not None:
        query = new.node("Mul", query, new.constant(np.array(scale, np.float32)))
    if found.query_heads is None:
        product = new.node("FusedMatMul", query, keys, domain=MICROSOFT, attributes={"transB": 1})
        scores.replace_all_uses_with(product)
        masked_scores = product if masked_scores is scores else masked_scores
        found.masked.outputs[0].replace_all_uses_with(new.node("Add", masked_scores, call.bias_of(mask)))
        weights = found.weighted.inputs[0]
        assert weights is not None
        found.weighted.outputs[0].replace_all_uses_with(new.node("MatMul", weights, values))
        return
    heads, group = _heads(keys), found.query_heads // _heads(keys)
    query = new.node("Reshape", query, new.integers(0, heads, group, -1, _size(keys)))
    keys, values = (new.node("Unsqueeze", each, new.integers(2)) for each in (keys, values))
    product = new.node("FusedMatMul", query, keys, domain=MICROSOFT, attributes={"transB": 1})
    if masked_scores is scores:
        biased = new.node("Add", product, call.bias_of_groups(mask))
        weights = new.node("Softmax", biased, attributes={"axis": -1})
    else:
        scores.replace_all_uses_with(new.node("Reshape", product, call.scores_shape(found.query_heads)))
        found.masked.outputs[0].replace_all_uses_with(new.node("Add", masked_scores, call.bias_of(mask)))
        of_heads = found.weighted.inputs[0]
        assert of_heads is not None
        weights = new.node("Reshape", of_heads, call.scores_shape(heads, group))
    attended = new.node("MatMul", weights, values)
    whole = new.node("Reshape", attended, new.integers(0, found.query_heads, -1, _size(found.values)))
    found.weighted.outputs[0].replace_all_uses_with(whole)


def _scaled(product: onnx_ir.Node) -> tuple[onnx_ir.Value, float | None]:
    """The product with the factor that it is multiplied by at once, if that is one number, and the factor."""
    output = product.outputs[0]
    uses = list(output.uses())
    if len(uses) != 1 or uses[0].node.op_type not in ("Mul", "Div"):
        return output, None
    node = uses[0].node
    if node.op_type == "Div" and uses[0].idx != 0:
        return output, None
    other = next(other for value, other in either_order(node) if value is output)
    number = constant(other)
    if number is None or number.size != 1:
        return output, None
    return node.outputs[0], float(number.item()) if node.op_type == "Mul" else 1 / float(number.item())


def _heads(cache: onnx_ir.Value) -> int:
    """Of keys or values."""
    assert cache.shape is not None
    heads = cache.shape[1]
    assert isinstance(heads, int)
    return heads


def _size(cache: onnx_ir.Value) -> int:
    """`head_dim` of keys or values."""
    assert cache.shape is not None
    size = cache.shape[3]
    assert isinstance(size, int)
    return size
