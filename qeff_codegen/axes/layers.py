"""Modules that are not of the file: which of them change only the last axes, and which are not understood."""

from __future__ import annotations

from collections.abc import Callable as Function
from collections.abc import Sequence

from qeff_codegen.axes.contractions import features_changed
from qeff_codegen.axes.elementwise import computed
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.reductions import along, norm_over
from qeff_codegen.axes.values import (
    COLUMNS,
    CONVOLVED,
    ORDINARY,
    SOME,
    WINDOW,
    Layer,
    NotFollowed,
    Plain,
    Several,
    Tensor,
    Value,
    carries,
    tensor,
)

# Activations that a configuration names; each is elementwise.
ACTIVATIONS = frozenset({"ACT2FN", "ACT2CLS", "get_activation"})
# Those that transformers has made already, under a name of its own.
_MADE = (
    "gelu",
    "gelu_fast",
    "gelu_new",
    "gelu_python",
    "gelu_pytorch_tanh",
    "linear_act",
    "mish",
    "quick_gelu",
    "silu",
)
MADE_ACTIVATIONS = frozenset(f"transformers.activations.{name}" for name in _MADE)


def _linear(layer: Layer, given: Given) -> Value:
    return features_changed(given.tensor(0, "input", "x"))


def _embedding(layer: Layer, given: Given) -> Value:
    """A row of the table for every number."""
    return tensor((*given.tensor(0, "input").known, (SOME,)))


def _norm(layer: Layer, given: Given) -> Value:
    states = given.tensor(0, "input", "hidden_states", "x")
    return norm_over(states, layer.axes)


def _each(layer: Layer, given: Given) -> Value:
    return computed("activation", [given.tensor(0, "input", "x")])


def _same(layer: Layer, given: Given) -> Value:
    states = given.tensor(0, "input", "x")
    return states.of_kind(states.kind)


def _softmax(layer: Layer, given: Given) -> Value:
    return along(Given("softmax", (given.tensor(0, "input"), Plain(str(layer.axes), layer.axes)), {}))


def _convolved(layer: Layer, given: Given) -> Value:
    """A column for every column of a window but the first ones; the last are those of the call's tokens."""
    columns = given.tensor(0, "input", "x")
    if columns.kind not in (WINDOW, CONVOLVED) or columns.known[2:] != ((COLUMNS,),):
        raise NotFollowed("a convolution along something else than the window that the cache gives")
    return tensor((columns.known[0], (SOME,), (COLUMNS,)), CONVOLVED)


def convolution(given: Given) -> Layer:
    """An `nn.Conv1d`, which is understood where it neither pads nor leaves columns out."""
    asked = {"stride": 1, "padding": 0, "dilation": 1}
    values = [(given.take(at, name), expected) for at, (name, expected) in enumerate(asked.items(), 3)]
    plain = all(value is None or (isinstance(value, Plain) and value.constant == one) for value, one in values)
    return Layer("Conv1d" if plain else "Conv1d that pads or leaves columns out")


LAYERS: dict[str, Function[[Layer, Given], Value]] = {
    # Conv1D is what GPT-2 calls a linear layer whose weight is transposed; torch's convolution is `Conv1d`.
    **dict.fromkeys(("Linear", "Conv1D"), _linear),
    "Conv1d": _convolved,
    "Embedding": _embedding,
    **dict.fromkeys(("LayerNorm", "RMSNorm", "our norm"), _norm),
    **dict.fromkeys(("GELU", "SiLU", "ReLU", "ReLU6", "Tanh", "Sigmoid", "Softplus", "ELU", "Mish"), _each),
    **dict.fromkeys(("LeakyReLU", "Hardswish", "SELU", "Softsign", "LogSigmoid"), _each),
    **dict.fromkeys(ACTIVATIONS, _each),
    **dict.fromkeys(("Identity", "Dropout"), _same),
    "Softmax": _softmax,
}
_WEIGHT_AXES = {"Linear": 2, "Conv1D": 2, "Embedding": 2, "LayerNorm": 1, "RMSNorm": 1}


def is_linear(modules: Sequence[Value]) -> bool:
    """Whether modules one after another change the last axis alone, as a linear layer does."""
    known = [LAYERS.get(item.constructor) for item in modules if isinstance(item, Layer)]
    return len(known) == len(modules) and set(known) <= {_linear, _each, _same} and _linear in known


def run(layer: Layer, given: Given) -> Value:
    """What a layer makes of its input.

    Raises:
        NotFollowed: it is given a followed axis and not known.
    """
    known = LAYERS.get(layer.constructor)
    if known is None:
        if any(map(carries, given.everything)):
            raise NotFollowed(f"`{layer.constructor}` is not known to compute every token for itself")
        return Tensor(None)
    if not any(map(carries, given.everything)):
        return Tensor(None)
    return known(layer, given)


def attribute(layer: Layer, name: str) -> Value:
    """A parameter of a layer, or a number that it has."""
    if name in {"weight", "bias"}:
        count = _WEIGHT_AXES.get(layer.constructor)
        if count is None:
            return Tensor(None, kept=True)
        return Tensor(((SOME,),) * (count if name == "weight" else 1), ORDINARY, name == "bias", kept=True)
    if name == "normalized_shape":
        return Several((Plain(),) * layer.axes)
    return Plain(f"{layer.name}.{name}")
