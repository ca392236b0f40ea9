"""What is computed for every entry by itself, and what it leaves of a tensor's meaning."""

from __future__ import annotations

from collections.abc import Sequence

from qeff_codegen.axes.given import Given, as_tensor
from qeff_codegen.axes.shaping import broadcast
from qeff_codegen.axes.values import (
    FARTHEST,
    KEYS,
    KEYS_AND_SINK,
    LAST,
    MASK,
    MASKED,
    ONES,
    ORDINARY,
    OWN_TABLE,
    OWNERS,
    POSITIONS,
    ROW_PLACES,
    SMALLEST,
    WEIGHTS,
    NotFollowed,
    Plain,
    Several,
    Tensor,
    Value,
    tensor,
)

# Another type, place or copy of the same entries.
SAME = frozenset(
    [
        "to",
        "type",
        "type_as",
        "float",
        "half",
        "double",
        "bfloat16",
        "long",
        "int",
        "bool",
        "contiguous",
        "clone",
        "detach",
        "clone_",
        "cpu",
        "cuda",
        "requires_grad_",
        "real",
        "data",
        "nan_to_num",
    ]
)
ELEMENTWISE = SAME | frozenset(
    [
        "abs",
        "acos",
        "add",
        "addcmul",
        "and",
        "asin",
        "atan",
        "ceil",
        "celu",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clip",
        "cos",
        "div",
        "divide",
        "dropout",
        "elu",
        "eq",
        "erf",
        "exp",
        "exp2",
        "expm1",
        "float_power",
        "floor",
        "floor_divide",
        "fmod",
        "ge",
        "gelu",
        "gt",
        "hardswish",
        "isinf",
        "isnan",
        "le",
        "leaky_relu",
        "lerp",
        "log",
        "log10",
        "log1p",
        "log2",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "logsigmoid",
        "logit",
        "lt",
        "maximum",
        "minimum",
        "mish",
        "mul",
        "multiply",
        "ne",
        "neg",
        "negative",
        "or",
        "pow",
        "reciprocal",
        "relu",
        "relu6",
        "remainder",
        "round",
        "rsqrt",
        "selu",
        "sigmoid",
        "sign",
        "silu",
        "sin",
        "sinh",
        "softplus",
        "softsign",
        "sqrt",
        "square",
        "sub",
        "subtract",
        "tan",
        "tanh",
        "true_divide",
        "trunc",
        "bitwise_and",
        "bitwise_not",
        "bitwise_or",
        "bitwise_xor",
    ]
)
COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
_SUMS, _DIFFERENCES = frozenset({"add", "sum"}), frozenset({"sub", "subtract"})
_PRODUCTS, _QUOTIENTS = frozenset({"mul", "multiply"}), frozenset({"div", "divide", "true_divide"})


def elementwise(given: Given) -> Value:
    """The tensor that an elementwise operation makes of its arguments."""
    if given.name in SAME:
        return given.tensor(0, "input").of_kind(given.tensor(0, "input").kind)
    if given.name in _QUOTIENTS and given.tensor(0, "input").kind == ROW_PLACES:
        rounding = given.take(2, "rounding_mode")
        if isinstance(rounding, Plain) and rounding.constant in {"trunc", "floor"}:
            return owners(given.tensor(0, "input"), given.take(1, "other"))
    return computed(given.name, [value for value in given.everything if not _is_option(value)])


def owners(entries: Tensor, count: Value | None) -> Tensor:
    """Places of entries divided by how many entries a row has, without a rest: places of rows."""
    if isinstance(count, Plain) and entries.known[0][-len(count.axis) :] == count.axis:
        return entries.of_kind(OWNERS)
    raise NotFollowed("places of rows enter arithmetic")


def _is_option(value: Value) -> bool:
    return isinstance(value, Plain) and isinstance(value.constant, (str, bool))


def computed(name: str, operands: Sequence[Value]) -> Tensor:
    """The tensor that an elementwise operation makes of its operands.

    Raises:
        NotFollowed: the count of a followed axis is one of them, or followed axes do not stand at the same places.
    """
    tensors = [as_tensor(operand) for operand in operands]
    if any(item.axes is None for item in tensors):
        if any(item.followed for item in tensors):
            raise NotFollowed("it is not known how many axes a tensor has that meets followed ones")
        return Tensor(None)
    return tensor(broadcast(*(item.known for item in tensors)), _kind(name, tensors))


def _kind(name: str, tensors: list[Tensor]) -> str:
    """What the result is beside its axes."""
    kinds = {item.kind for item in tensors} - {ORDINARY, POSITIONS, ONES, OWN_TABLE, SMALLEST}
    if not kinds:
        return ORDINARY
    if kinds & {ROW_PLACES, OWNERS}:
        raise NotFollowed("places of rows enter arithmetic")
    if FARTHEST in kinds:
        if name in COMPARISONS:
            return ORDINARY
        raise NotFollowed("the largest position of a call enters arithmetic")
    if LAST in kinds:
        return _kind_of_last(name, tensors)
    if MASKED in kinds:
        return _kind_of_masked(name, tensors)
    if kinds == {WEIGHTS}:
        weighted = [item.kind == WEIGHTS for item in tensors]
        if name in _PRODUCTS or (name in _SUMS | _DIFFERENCES and all(weighted)):
            return WEIGHTS
        return WEIGHTS if name in _QUOTIENTS and weighted == [True, False] else ORDINARY
    return MASK if kinds == {MASK} and name in {"logical_or", "or", "bitwise_or"} else ORDINARY


def _kind_of_last(name: str, tensors: list[Tensor]) -> str:
    if name in {"add", "sub", "clamp"} and all(item.kind == LAST or not item.followed for item in tensors):
        return LAST
    raise NotFollowed("the place of a token enters arithmetic")


def _kind_of_masked(name: str, tensors: list[Tensor]) -> str:
    """Masked scores stay masked when less is taken from all keys alike, or no more than the smallest value is."""
    others = [item for item in tensors[1:] if item.followed & {KEYS, KEYS_AND_SINK}]
    if tensors[0].kind != MASKED or others:
        return ORDINARY
    # A division by one number is one by the root of how many features there are.
    by_one_number = name in _QUOTIENTS and len(tensors) == 2 and tensors[1].known == ()
    at_least = name in {"maximum", "max"} and all(item.kind == SMALLEST for item in tensors[1:])
    return MASKED if by_one_number or at_least or name in {"sub", "subtract"} else ORDINARY


def chosen(given: Given) -> Value:
    """`torch.where(condition, one, other)`; scores are masked where the mask chooses the smallest value."""
    condition, one, other = given.take(0, "condition"), given.take(1, "input"), given.take(2, "other")
    if one is None or other is None or condition is None:
        raise NotFollowed("`where` without two values chooses places by value")
    result = computed("where", [_without_kind(item) for item in (condition, one, other)])
    is_mask = isinstance(condition, Tensor) and condition.kind == MASK
    return result.of_kind(MASKED) if is_mask and isinstance(one, (Plain, Tensor)) and _is_smallest(one) else result


def copied(given: Given) -> Value:
    """`copy_`: entries written into the same places of another tensor."""
    held, source = given.tensor(0), given.tensor(1, "src")
    if held.known != computed("copy", [held, source]).known and held.followed != (held.followed | source.followed):
        raise NotFollowed("followed axes are written where there are none")
    return held.of_kind(ORDINARY)


def filled(given: Given) -> Value:
    """`masked_fill(mask, value)`."""
    scores, mask, value = given.take(0, "input"), given.take(1, "mask"), given.take(2, "value")
    if scores is None or mask is None or value is None:
        raise NotFollowed("`masked_fill` without mask or value")
    return chosen(Given("where", (mask, value, scores), {}))


def _is_smallest(value: Value) -> bool:
    return isinstance(value, Plain) and value.text == "MIN_MASKED_ATTENTION_VALUE"


def _without_kind(value: Value) -> Value:
    if isinstance(value, Tensor) and value.kind in {MASK, MASKED, WEIGHTS, POSITIONS}:
        return value.of_kind(ORDINARY)
    if isinstance(value, Several):
        raise NotFollowed("a tensor is expected")
    return value
