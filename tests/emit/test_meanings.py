"""A name that rules bring in may be the file's own where only `__init__` speaks of it."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.emit.meanings import refuse_other_meanings
from qeff_codegen.errors import Refusal
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.upstream.source import UpstreamModel

LOADS = """
class Mixer(nn.Module):
    def __init__(self, config):
        global causal_conv1d
        causal_conv1d = lazy_load_kernel("causal-conv1d")
        self.update = getattr(causal_conv1d, "update", None)

    def forward(self, x):
        return x
"""


def names_in(source: str) -> None:
    file = read_modeling_file(UpstreamModel("a", "a.py", "transformers.models.a.modeling_a", source))
    refuse_other_meanings(["causal_conv1d"], (), file, EMBEDDED)


def test_what_only_init_binds_and_reads_is_no_other_meaning() -> None:
    names_in(LOADS)


@pytest.mark.parametrize(
    "source",
    [
        LOADS.replace("return x", "return causal_conv1d(x)"),
        "causal_conv1d = None\n" + LOADS,
        LOADS.replace("def __init__(self, config)", "def load(self, config)"),
        "def causal_conv1d(x):\n    return x\n",
    ],
)
def test_any_other_is_refused(source: str) -> None:
    with pytest.raises(Refusal, match="generated code means qeff_codegen.runtime.states.causal_conv1d"):
        names_in(source)
