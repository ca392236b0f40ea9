"""What is computed from weights when a graph is written, and what is left to whoever runs it."""

from __future__ import annotations

import numpy as np
import onnx_ir
import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.export import weight_folding
from qeff_codegen.export.weight_folding import fold_into_weights

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def folded(body: str, **weights: np.ndarray) -> tuple[list[str], dict[str, np.ndarray]]:
    """Folds a graph given as ONNX text; returns its operators and its initializers."""
    model = onnx_ir.from_onnx_text(f'<ir_version: 9, opset_import: ["" : 17, "own" : 1]>\n{body}')
    values = {value.name: value for node in model.graph for value in node.inputs if value is not None}
    for name, array in weights.items():
        value = values[name]
        value.const_value = onnx_ir.tensor(array, name=name)
        model.graph.inputs.remove(value)
        model.graph.register_initializer(value)
    fold_into_weights(model.graph)
    tensors = {
        name: value.const_value
        for name, value in model.graph.initializers.items()
        if name is not None and value.const_value is not None
    }
    left = {name: tensor.numpy() for name, tensor in tensors.items()}
    # What a file says of them before they are made.
    for name, tensor in tensors.items():
        assert (tuple(tensor.shape.numpy()), tensor.dtype.numpy()) == (left[name].shape, left[name].dtype)
    return [node.op_type for node in model.graph], left


def test_transpose_keeps_the_weights_name() -> None:
    operators, left = folded(
        "g (float[n,3] x, float[2,3] w) => (float[n,2] y) { t = Transpose<perm=[1,0]>(w)  y = MatMul(x, t) }", w=WEIGHT
    )
    assert operators == ["MatMul"]
    assert set(left) == {"w"}
    np.testing.assert_array_equal(left["w"], WEIGHT.T)


def test_chain_with_a_constant() -> None:
    operators, left = folded(
        """g (float[n,6] x, float[2,3] w) => (float[n,6] y) {
            c = Cast<to=1>(w)
            shape = Constant<value_ints=[6]>()
            r = Reshape(c, shape)
            y = Add(x, r)
        }""",
        w=WEIGHT,
    )
    assert operators == ["Constant", "Add"]
    np.testing.assert_array_equal(left["w"], np.arange(6))


def test_result_of_two_weights_has_its_own_name() -> None:
    operators, left = folded(
        "g (float[n,3] x, float[2,3] w, float[2,3] v) => (float[n,3] y) { both = Mul(w, v)  y = Add(x, both) }",
        w=WEIGHT,
        v=WEIGHT,
    )
    assert operators == ["Add"]
    assert set(left) == {"both"}
    np.testing.assert_array_equal(left["both"], WEIGHT * WEIGHT)


def test_scalar_stays_one() -> None:
    _, left = folded(
        "g (float[n] x, float w) => (float[n] y) { e = Exp(w)  f = Neg(e)  y = Mul(x, f) }",
        w=np.array(0.0, np.float32),
    )
    assert left["w"].shape == ()
    assert left["w"] == -1


SPARSE = np.array([[0, 0, 0], [0, 5, 0]], np.float32)
SHAPED_BY_VALUES = {
    "Reshape": ("u = Neg(s)  t = Reshape(w, u)", {"w": WEIGHT, "s": np.array([-3, -2])}, WEIGHT.reshape(3, 2)),
    "Expand": ("u = Neg(s)  t = Expand(w, u)", {"w": WEIGHT, "s": np.array([-2, -3])}, WEIGHT),
    "Tile": ("u = Neg(s)  t = Tile(w, u)", {"w": WEIGHT, "s": np.array([-1, -1])}, WEIGHT),
    "Slice": (
        "u = Neg(s)  t = Slice(w, v, u)",
        {"w": WEIGHT, "v": np.array([0, 0]), "s": np.array([-1, -2])},
        WEIGHT[:1, :2],
    ),
    "Compress": ("u = Not(b)  t = Compress<axis=0>(w, u)", {"w": WEIGHT, "b": np.array([True, False])}, WEIGHT[1:]),
    "NonZero": ("u = Neg(w)  t = NonZero(u)", {"w": SPARSE}, np.array([[1], [1]])),
    "Unique": ("u = Neg(w)  t = Unique(u)", {"w": SPARSE}, np.array([-5, 0], np.float32)),
    "Range": (
        "u = Neg(w)  t = Range(z, u, o)",
        {name: np.array(number, np.float32) for name, number in {"w": -3, "z": 0, "o": 1}.items()},
        np.arange(3, dtype=np.float32),
    ),
}


@pytest.mark.parametrize(("body", "weights", "expected"), SHAPED_BY_VALUES.values(), ids=SHAPED_BY_VALUES)
def test_a_shape_that_follows_from_values_is_that_of_the_true_ones(
    body: str, weights: dict[str, np.ndarray], expected: np.ndarray
) -> None:
    types = {"f": "float", "i": "int64", "b": "bool"}
    inputs = [
        f"{types[each.dtype.kind]}{[*each.shape] if each.shape else ''} {name}" for name, each in weights.items()
    ]
    operators, left = folded(f"g ({', '.join(inputs)}) => (float[n] y) {{ {body}  y = Identity(t) }}", **weights)
    assert operators == ["Identity"]
    (found,) = left.values()
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_a_result_that_is_not_as_it_was_outlined_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_folding, "_SHAPED_BY_NUMBERS", ())
    with pytest.raises(Refusal, match="NonZero .* int64 of the shape"):
        folded(
            "g (int64[n,m] x, float[2,3] w) => (int64[n,m] y) { u = Neg(w)  t = NonZero(u)  y = Add(x, t) }", w=WEIGHT
        )


@pytest.mark.parametrize(("dtype", "left"), [(np.float16, ["ReduceMean", "Add"]), (np.float32, ["Add"])])
def test_sums_of_float16_are_left_to_who_can_add_them_up(dtype: type[np.floating], left: list[str]) -> None:
    kind = np.dtype(dtype).name.removesuffix("32")
    body = f"g ({kind}[n] x, {kind}[4096] w) => ({kind}[n] y) {{ m = ReduceMean<axes=[0]>(w)  y = Add(x, m) }}"
    operators, weights = folded(body, w=np.full(4096, 17, dtype))
    assert operators == left
    assert set(next(iter(weights.values()))) == {17}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "t = Transpose<perm=[1,0]>(w)  g = Gather(w, i)  y = MatMul(g, t)", id="weight with another reader"
        ),
        pytest.param("s = Constant<value_ints=[9,2,3]>()  t = Expand(w, s)  y = Add(e, t)", id="larger result"),
        pytest.param("t = own.Transpose(w)  y = MatMul(e, t)", id="operator of another domain"),
        pytest.param("t = Add(w, e)  y = MatMul(t, t)", id="reads an input too"),
        pytest.param("y = Transpose<perm=[1,0]>(w)", id="output of the graph"),
    ],
)
def test_left_as_it_is(body: str) -> None:
    operators, left = folded(f"g (int64[n] i, float[n,3] e, float[2,3] w) => (float[n,2] y) {{ {body} }}", w=WEIGHT)
    assert len(operators) == body.count(" = ")
    np.testing.assert_array_equal(left["w"], WEIGHT)
