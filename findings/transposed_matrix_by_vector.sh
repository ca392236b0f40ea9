#!/usr/bin/env bash
# Version: onnxruntime 1.32.0 (CPU) with onnx 1.23.2 and numpy 2.4.6 on Python 3.11.
# Behaviour: 1. MatMul of a transposed matrix and a vector gives other numbers once the graph is optimised, which it is by
# default: Transpose is taken into the product, and the numbers are those of no product of the two. Without optimisation,
# and with the vector as a matrix of one column, they are right.
# 2. Clip with one bound makes the infinite numbers on the other side finite: the bound that is not given is taken for the
# largest number of the type, so -inf in a mask is not -inf any more. numpy.clip and PyTorch's clamp keep it.
# Seen: transposed matrix by vector: optimised 11 39 67, not optimised 33 40 47, as one column 33 40 47
#       Clip(inf, min=0): 3.4028235e+38 | Clip(-inf, max=0): -3.4028235e+38
# Exit code: 0 when it is as described, 1 when it is not, 2 when the packages cannot be installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/environment" || exit 2
"$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 || exit 2

cd "$folder"
cat > look.py <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT


def run(nodes, inputs, optimised=True, **constants):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, value.shape) for name, value in inputs.items()],
        [helper.make_tensor_value_info("result", FLOAT, None)],
        [helper.make_tensor(name, kind, shape, values) for name, (kind, shape, values) in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
vector = np.array([1, 2, 3, 1], dtype=np.float32)
transpose = helper.make_node("Transpose", ["matrix"], ["transposed"], perm=[1, 0])
product = [transpose, helper.make_node("MatMul", ["transposed", "vector"], ["result"])]
column = [
    transpose,
    helper.make_node("Unsqueeze", ["vector", "axes"], ["column"]),
    helper.make_node("MatMul", ["transposed", "column"], ["columns"]),
    helper.make_node("Squeeze", ["columns", "axes"], ["result"]),
]
inputs = {"matrix": matrix, "vector": vector}
right = matrix.T @ vector
optimised, plain = run(product, inputs), run(product, inputs, optimised=False)
as_column = run(column, inputs, axes=(TensorProto.INT64, [1], [1]))
print("transposed matrix by vector: optimised", *optimised, ", not optimised", *plain, ", as one column", *as_column)

zero = (FLOAT, [], [0.0])
(least,) = run([helper.make_node("Clip", ["x", "zero"], ["result"])], {"x": np.float32([np.inf])}, zero=zero)
(most,) = run([helper.make_node("Clip", ["x", "", "zero"], ["result"])], {"x": np.float32([-np.inf])}, zero=zero)
print(f"Clip(inf, min=0): {least} | Clip(-inf, max=0): {most}")

same = np.allclose(plain, right) and np.allclose(as_column, right) and not np.allclose(optimised, right)
if not (same and np.isfinite(least) and np.isfinite(most)):
    print("It is not as described any more.")
    sys.exit(1)
print("As described.")
PYTHON
environment/bin/python look.py || exit 1
