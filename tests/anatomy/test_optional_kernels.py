"""A kernel may be there or None; whatever else binds the name makes it something else."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.modeling_file import ModelingFile, read_modeling_file
from qeff_codegen.anatomy.optional_kernels import holds_kernel, is_optional_kernel, kernel_or_function
from qeff_codegen.upstream.source import UpstreamModel

BOUND = "if is_available():\n    from kernels import scan\nelse:\n    scan = None\n"
REST = """
def torch_scan(x):
    return x


class Mixer(nn.Module):
    def __init__(self, config):
        self.kernel = scan
        self.scan = scan or torch_scan
        self.other = config.scan or torch_scan
        self.twice = scan or torch_scan
        self.twice = torch_scan
"""


def file(bound: str, rest: str = REST) -> ModelingFile:
    return read_modeling_file(UpstreamModel("a", "a.py", "transformers.models.a.modeling_a", bound + rest))


def test_a_kernel_is_imported_or_none() -> None:
    read = file(BOUND)
    mixer = read.classes["Mixer"]
    assert is_optional_kernel("scan", read)
    assert holds_kernel("kernel", mixer, read) and not holds_kernel("scan", mixer, read)
    assert kernel_or_function("scan", mixer, read) == "torch_scan"
    assert kernel_or_function("other", mixer, read) is None
    assert kernel_or_function("twice", mixer, read) is None


@pytest.mark.parametrize(
    "bound",
    [
        "from kernels import scan\n",
        "if is_available():\n    from kernels import scan\n",
        "if is_available():\n    from kernels import scan\nelse:\n    scan = torch_scan\n",
        BOUND + "scan = torch_scan\n",
        BOUND + "\n\ndef load():\n    global scan\n    scan = torch_scan\n",
    ],
)
def test_what_is_bound_otherwise_is_none(bound: str) -> None:
    assert not is_optional_kernel("scan", file(bound))
