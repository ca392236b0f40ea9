#!/usr/bin/env bash
# Version: torch 2.13.0 (CPU) with numpy 2.4.6 on Python 3.11.
# Behaviour: torch.jit.trace, called inside a TorchDispatchMode that only passes every operator on, writes a convolution
# into the trace as a constant: the example's result. The traced module then ignores its inputs, with no error and no
# warning about it. A matrix product, traced in the same mode, is traced as ever; so is the convolution outside the mode.
# check_trace is off, as exporters have it, and the module is run in eval mode without gradients.
# Seen, largest difference between the traced module and the module itself on another input than the example:
#   convolution traced outside of the mode: 0.0
#   matrix product traced in the mode: 0.0
#   convolution traced in the mode: 5.42, and the result is that of the example, bit by bit
# Exit code: 0 when all of it is as described, 1 when any of it is not, 2 when the packages cannot be installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/environment" || exit 2
"$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 || exit 2

cd "$folder"
cat > look.py <<'PYTHON'
import sys
import warnings
from contextlib import nullcontext

import torch
from torch.utils._python_dispatch import TorchDispatchMode

warnings.simplefilter("ignore")


class PassesOn(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


class Calling(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, weight):
        return torch.nn.functional.silu(self.function(x, weight))


def traced(function, example, mode):
    with torch.no_grad(), mode:
        return torch.jit.trace(Calling(function).eval(), example, check_trace=False)


generator = torch.Generator().manual_seed(0)
x, weight, other = (torch.randn(shape, generator=generator) for shape in ((1, 2, 8), (3, 2, 3), (1, 2, 8)))
rows = torch.randn(4, 8, generator=generator)
convolution, product = torch.nn.functional.conv1d, torch.nn.functional.linear

found = {}
for name, function, own, mode in (
    ("convolution outside", convolution, weight, nullcontext()),
    ("product in the mode", product, rows, PassesOn()),
    ("convolution in the mode", convolution, weight, PassesOn()),
):
    module = traced(function, (x, own), mode)
    difference = float((module(other, own) - Calling(function)(other, own)).abs().max())
    is_example = torch.equal(module(other, own), Calling(function)(x, own))
    found[name] = (round(difference, 2), is_example)
    print(f"{name}: largest difference {difference:.2f}, the example's result: {is_example}")

expected = {
    "convolution outside": (0.0, False),
    "product in the mode": (0.0, False),
    "convolution in the mode": (5.42, True),
}
if found != expected:
    print("It is not as described any more; expected:", expected)
    sys.exit(1)
print("As described.")
PYTHON
environment/bin/python look.py || exit 1
