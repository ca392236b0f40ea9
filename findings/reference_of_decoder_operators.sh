#!/usr/bin/env bash
# Version: onnx 1.23.2 with onnxruntime 1.32.0 (CPU) and numpy 2.4.6 on Python 3.11.
# Behaviour: the operators that decoders are made of, in onnx's reference evaluator, in ONNX Runtime, and in onnx's text.
# 1. RMSNormalization and LayerNormalization compute in float32 unless told otherwise (stash_type 1, the default). The
# reference computes in the type of its input: float16 squares of 256 and more are infinite, and the result is zero. ONNX
# Runtime computes in float32.
# 2. Attention with qk_matmul_output_mode 0 gives "the output of qk matmul". With a softcap the reference gives it after
# the softcap, as mode 1 does; ONNX Runtime gives it before.
# 3. From opset 24 on, the last dimension of Attention's attn_mask may be shorter than the keys, and is filled up with
# -inf. The reference does that. ONNX Runtime takes the model, and refuses to run it.
# 4. The reference's ReduceMean of float16 is infinite where the sum is beyond 65504, and its LogSoftmax is -inf where a
# probability is too small for the type: it takes the logarithm of the quotient. ONNX Runtime gives the numbers.
# Seen: RMS norm of [100 -200 300 400] in float16: reference 0 0 0 0, onnxruntime 0.365 -0.73 1.096 1.461
#       layer norm of it: reference 0 0 0 0, onnxruntime -0.218 -1.527 0.655 1.091
#       product 2, softcap 1, mode 0: reference 0.964, onnxruntime 2
#       mask for 2 of 3 keys: reference runs, onnxruntime fails
#       mean of 4096 times 17 in float16: reference inf, onnxruntime 17
#       log softmax of [200 0]: reference 0 -inf, onnxruntime 0 -200
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
import warnings

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

warnings.filterwarnings("ignore")
onnxruntime.set_default_logger_severity(4)


def both(op_type, opset, inputs, outputs=("result",), **attributes):
    """The last output of the reference and of ONNX Runtime; of the latter None where it fails."""
    kind = helper.np_dtype_to_tensor_dtype(next(iter(inputs.values())).dtype)
    graph = helper.make_graph(
        [helper.make_node(op_type, list(inputs), outputs, **attributes)],
        "graph",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in inputs.items()
        ],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=11)
    reference = ReferenceEvaluator(model).run(None, inputs)[-1]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    try:
        return reference, session.run(None, inputs)[-1]
    except Exception:
        return reference, None


def words(array):
    return " ".join(f"{number + 0.0:.4g}" for number in array.astype(np.float64).round(3).ravel())


seen = []
row = np.array([[100, -200, 300, 400]], np.float16)
ones = np.ones(4, np.float16)
wide = row.astype(np.float64)
right = wide / np.sqrt((wide**2).mean())
centred = (wide - wide.mean()) / wide.std()
for op_type, opset, name, expected in (
    ("RMSNormalization", 23, "RMS norm of [100 -200 300 400] in float16", right),
    ("LayerNormalization", 17, "layer norm of it", centred),
):
    reference, ours = both(op_type, opset, {"X": row, "scale": ones})
    print(f"{name}: reference {words(reference)}, onnxruntime {words(ours)}")
    seen += [not reference.any(), np.allclose(ours, expected, atol=2e-3)]

query, key = np.full((1, 1, 1, 1), 2, np.float32), np.ones((1, 1, 1, 1), np.float32)
attention = {"Q": query, "K": key, "V": key}
found = both("Attention", 23, attention, ("result", "", "", "product"), softcap=1.0, scale=1.0, qk_matmul_output_mode=0)
print(f"product 2, softcap 1, mode 0: reference {words(found[0])}, onnxruntime {words(found[1])}")
seen += [np.isclose(found[0].item(), np.tanh(2)), np.isclose(found[1].item(), 2)]

keys = np.arange(3, dtype=np.float32).reshape(1, 1, 3, 1)
masked = {"Q": query, "K": keys, "V": keys, "attn_mask": np.zeros((1, 2), np.float32)}
reference, ours = both("Attention", 24, masked, scale=1.0)
weights = np.exp([0.0, 2.0])
print(f"mask for 2 of 3 keys: reference runs, onnxruntime {'fails' if ours is None else 'runs'}")
seen += [np.isclose(reference.item(), weights[1] / weights.sum()), ours is None]

reference, ours = both("ReduceMean", 18, {"data": np.full(4096, 17, np.float16)}, keepdims=0)
print(f"mean of 4096 times 17 in float16: reference {words(reference)}, onnxruntime {words(ours)}")
seen += [np.isinf(reference), ours == 17]
reference, ours = both("LogSoftmax", 13, {"input": np.array([[200, 0]], np.float32)})
print(f"log softmax of [200 0]: reference {words(reference)}, onnxruntime {words(ours)}")
seen += [np.isneginf(reference[0, 1]), ours[0, 1] == -200]
sys.exit(0 if all(seen) else 1)
PYTHON
environment/bin/python look.py
