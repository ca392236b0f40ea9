#!/usr/bin/env bash
# Version: torch 2.13.0 (CPU) with onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0 and numpy 2.4.6 on Python 3.11.
# Behaviour: torch.onnx.export(dynamo=False, opset_version=17) writes graphs that give other numbers, another type or
# another shape than PyTorch, without an error. The input is the very one that was traced.
#   a tensor changed in place through a view that is no select or slice (here transpose and narrow) keeps its old numbers,
#   and a part taken before the whole is changed keeps its own
#   any() of integers or floats asks whether their sum is above zero
#   a boolean index of fewer axes, x[mask] = 0, is laid over the last axes instead of the first
#   cumsum of int32 stays int32 (PyTorch: int64), diagonal of integers becomes float32
#   linspace of one step is not a number
#   log10 of a number without axes gets an axis
#   unfold of a dimension that is counted from the end stacks its windows along another axis
# Seen: in place through transpose, first row: graph 1 -2 0.5 | PyTorch 2 -1 1.5, and in the same order
#   in place through narrow: 1 -2 0.5 | 10 -2 0.5
#   a part taken before: 1 3 -1 | 2 4 0
#   any of integers: 0 0 | 1 1                                      any of floats: 0 0 1 | 1 1 1
#   a mask of fewer axes, first row: 0 -2 0 | 0 0 0
#   cumsum of int32: int32 | int64                                  diagonal of integers: float32 | int64
#   linspace of one step: nan | 0                                   log10 of a number: [1] | []
#   unfold of dimension -1: [1, 3, 2, 4] | [1, 3, 4, 2]
# Exit code: 0 when all of it is as described, 1 when any of it is not, 2 when the packages cannot be installed.
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


EXPECTED = {
    "in place through transpose": (
        "float32[3, 3] 1 -2 0.5 3 0.25 -5 -1 2 4 | "
        "PyTorch float32[3, 3] 2 -1 1.5 4 1.25 -4 0 3 5"
    ),
    "in place through narrow": (
        "float32[3, 3] 1 -2 0.5 3 0.25 -5 -1 2 4 | "
        "PyTorch float32[3, 3] 10 -2 0.5 30 0.25 -5 -10 2 4"
    ),
    "a part taken before": "float32[3] 1 3 -1 | PyTorch float32[3] 2 4 0",
    "any of integers": "bool[2] 0 0 | PyTorch bool[2] 1 1",
    "any of floats": "bool[3] 0 0 1 | PyTorch bool[3] 1 1 1",
    "a mask of fewer axes": "float32[3, 3] 0 -2 0 0 0.25 0 0 2 0 | PyTorch float32[3, 3] 0 0 0 3 0.25 -5 0 0 0",
    "cumsum of int32": "int32[2, 2] 1 -3 3 -5 | PyTorch int64[2, 2] 1 -3 3 -5",
    "diagonal of integers": "float32[2] 1 -2 | PyTorch int64[2] 1 -2",
    "linspace of one step": "float32[1] nan | PyTorch float32[1] 0",
    "log10 of a number": "float32[1] 2 | PyTorch float32[] 2",
    "unfold of dimension -1": (
        "float32[1, 3, 2, 4] 0 2 4 6 1 3 5 7 8 10 12 14 9 11 13 15 16 18 20 22 17 19 21 23 | "
        "PyTorch float32[1, 3, 4, 2] 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23"
    ),
}


class Calling(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def told(array):
    return f"{array.dtype}{list(array.shape)} {' '.join(f'{number:g}' for number in array.ravel())}"


def seen(function, given):
    file = io.BytesIO()
    axes = {"x": {axis: f"axis_{axis}" for axis in range(min(given.dim(), 1))}}
    torch.onnx.export(
        Calling(function), (given,), file, input_names=["x"], dynamic_axes=axes, opset_version=17, dynamo=False
    )
    (found,) = onnxruntime.InferenceSession(file.getvalue()).run(None, {"x": given.numpy()})
    return f"{told(found)} | PyTorch {told(function(given).numpy())}"


found = {name: seen(*each) for name, each in LOOKED_AT.items()}
for name, what in found.items():
    print(f"{name}: {what}")
if found != EXPECTED:
    print("It is not as described any more; expected:", EXPECTED)
    sys.exit(1)
print("As described.")
PYTHON
environment/bin/python look.py || exit 1
