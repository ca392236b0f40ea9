#!/usr/bin/env bash
# Version: torch 2.13.0 (CPU) with onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0 and numpy 2.4.6 on Python 3.11.
# Behaviour: torch.onnx.export(dynamo=False, opset_version=17) writes graphs that give other numbers, or another type,
# than PyTorch, without an error. The input is the very one that was traced.
#   a tensor changed in place through a view that is no select or slice keeps its old numbers: transpose, view, unsqueeze,
#   narrow, diagonal and others; and a part taken before the whole is changed keeps its own
#   any() of integers or floats asks whether their sum is above zero
#   a boolean index of fewer axes, x[mask] = 0, is laid over the last axes instead of the first
#   cumsum of int32 stays int32 (PyTorch: int64), diagonal of integers and booleans becomes float32
#   linspace of one step is not a number
#   log10 of a number without axes gets an axis
#   unfold of a dimension that is counted from the end stacks its windows along another axis
# Seen: each of them differs.
# Exit code: 0 when it is as described, 1 when it is not, 2 when the packages cannot be installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/environment" || exit 2
"$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2

cd "$folder"
cat > look.py <<'PYTHON'
import io
import sys
import warnings

import numpy as np
import onnxruntime
import torch

warnings.simplefilter("ignore")


def through_transpose(x):
    y = x.clone()
    y.transpose(0, 1).add_(1)
    return y


def through_narrow(x):
    y = x.clone()
    y.narrow(1, 0, 1).mul_(10)
    return y


def part_taken_before(x):
    y = x.clone()
    part = y[:, 0]
    y.add_(1)
    return part


def filled(x):
    y = x.clone()
    y[torch.tensor([True, False, True])] = 0
    return y


X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -5.0], [-1.0, 2.0, 4.0]])
I = torch.tensor([[1, -3], [2, -2]])
WIDE = torch.arange(24.0).reshape(1, 3, 8)
LOOKED_AT = {
    "in place through transpose": (through_transpose, X),
    "in place through narrow": (through_narrow, X),
    "a part taken before": (part_taken_before, X),
    "any of integers": (lambda x: x.any(-1), I),
    "any of floats": (lambda x: x.any(-1), X),
    "a mask of fewer axes": (filled, X),
    "cumsum of int32": (lambda x: x.cumsum(0), I.int()),
    "diagonal of integers": (lambda x: x.diagonal(), I),
    "linspace of one step": (lambda x: torch.linspace(0, 1, x.shape[0]), X[:1]),
    "log10 of a number": (lambda x: x.log10(), torch.tensor(100.0)),
    "unfold of dimension -1": (lambda x: x.unfold(-1, 2, 2), WIDE),
}


class Calling(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def same(function, given):
    file = io.BytesIO()
    axes = {"x": {axis: f"axis_{axis}" for axis in range(min(given.dim(), 1))}}
    torch.onnx.export(
        Calling(function), (given,), file, input_names=["x"], dynamic_axes=axes, opset_version=17, dynamo=False
    )
    (found,) = onnxruntime.InferenceSession(file.getvalue()).run(None, {"x": given.numpy()})
    wanted = function(given).numpy()
    return found.dtype == wanted.dtype and found.shape == wanted.shape and np.allclose(found, wanted)


found = {name: same(*each) for name, each in LOOKED_AT.items()}
for name, is_same in found.items():
    print(f"{name}: {'the same' if is_same else 'differs'}")
if any(found.values()):
    print("It is not as described any more.")
    sys.exit(1)
print("As described.")
PYTHON
environment/bin/python look.py || exit 1
