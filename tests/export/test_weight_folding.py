"""What is computed from weights when a graph is written, and what is left to whoever runs it."""

from __future__ import annotations

import numpy as np
import onnx_ir
import pytest

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
    left = {
        name: value.const_value.numpy()
        for name, value in model.graph.initializers.items()
        if name is not None and value.const_value is not None
    }
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
